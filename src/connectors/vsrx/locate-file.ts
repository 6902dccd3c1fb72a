/**
 * From the segments of a judged path to the one real file they mean, inside the base.
 *
 * The base may itself be reached by a link, and links inside the base may lead to other places inside it: both sides
 * are resolved to real paths before they are compared, with a separator at the end, so that a sibling `login-backup` is
 * not taken for a part of `login`.
 */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { SyncError } from '../../domain/errors.ts';
import { otherForms } from './path-rules.ts';
import { isAbsent } from './share-error.ts';

export interface LocatedFile {
  readonly realBase: string;
  /** Without any link when it was resolved. */
  readonly realPath: string;
  /** Of a regular file, before it is opened. */
  readonly stat: BigIntStats;
}

/** A chain of more links than this is a circle (as in Linux). */
const MAX_LINKS = 40;

/**
 * @param base absolute
 * @param segments from `judgePath`
 * @param knownBase the real path of the base as it was lately; looked up when absent, and anew when the file is not inside
 * @throws SyncError `file_path_refused` (a link leaves the base), `file_not_regular`, `file_missing`; else the system's
 *   error, for `toShareError`. `file_missing` does not yet say whether the share is there.
 */
export async function locateFile(
  base: string,
  segments: readonly string[],
  knownBase?: string | null,
): Promise<LocatedFile> {
  try {
    return await resolveFile(base, segments, knownBase ?? null);
  } catch (error) {
    if (!isAbsent(error)) throw error;
    return resolveFile(base, await respell(await realpath(base), segments), null);
  }
}

/** True when the path lies below the base; both real. */
export function isInside(realBase: string, realPath: string): boolean {
  return realPath.startsWith(realBase.endsWith(sep) ? realBase : realBase + sep);
}

export function linkLeavesBase(): SyncError {
  return new SyncError('file_path_refused', { detail: 'A link leads out of the base folder.' });
}

async function resolveFile(base: string, segments: readonly string[], knownBase: string | null): Promise<LocatedFile> {
  const [realBase, realPath] = await Promise.all([knownBase ?? realpath(base), realpath(join(base, ...segments))]);
  if (!isInside(realBase, realPath)) {
    if (knownBase !== null) return resolveFile(base, segments, null);
    throw linkLeavesBase();
  }
  if (await isOtherCase(realBase, segments, realPath)) throw new SyncError('file_missing');
  // Looked at before it is opened: opening a device may have an effect by itself.
  const stat = await lstat(realPath, { bigint: true });
  if (!stat.isFile()) throw new SyncError('file_not_regular');
  return { realBase, realPath, stat };
}

/**
 * Walks down the names that were not found, taking the other normal form of a name where exactly one of them exists.
 * Also tells a link into nowhere inside the base (missing) from one to nowhere outside (refused).
 */
async function respell(realBase: string, segments: readonly string[]): Promise<readonly string[]> {
  const spelled: string[] = [];
  let folder = realBase;
  for (const segment of segments) {
    const name = await existingName(folder, segment);
    if (name === null) throw new SyncError('file_missing');
    spelled.push(name);
    folder = await follow(realBase, join(folder, name));
  }
  return spelled;
}

async function existingName(folder: string, segment: string): Promise<string | null> {
  if (await exists(join(folder, segment))) return segment;
  const found: string[] = [];
  for (const form of otherForms(segment)) {
    if (await exists(join(folder, form))) found.push(form);
  }
  return found.length === 1 ? found[0]! : null;
}

async function exists(path: string): Promise<boolean> {
  return (await kindOf(path)) !== 'absent';
}

async function kindOf(path: string): Promise<'absent' | 'link' | 'other'> {
  try {
    return (await lstat(path)).isSymbolicLink() ? 'link' : 'other';
  } catch (error) {
    if (isAbsent(error)) return 'absent';
    throw error;
  }
}

/** @returns the real path behind a name that exists in a real folder */
async function follow(realBase: string, path: string): Promise<string> {
  let place = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    if ((await kindOf(place)) !== 'link') break;
    try {
      const real = await realpath(place);
      if (!isInside(realBase, real)) throw linkLeavesBase();
      return real;
    } catch (error) {
      if (!isAbsent(error)) throw error;
      place = await asRealAsPossible(resolve(dirname(place), await readlink(place)));
      if (!isInside(realBase, place)) throw linkLeavesBase();
    }
  }
  return place;
}

/** Resolves the part of the path that exists; its last name is left as it is. */
async function asRealAsPossible(path: string): Promise<string> {
  const parent = dirname(path);
  if (parent === path) return path;
  const name = path.slice(parent.length).replace(/^[\\/]/, '');
  try {
    return join(await realpath(parent), name);
  } catch (error) {
    if (!isAbsent(error)) throw error;
    return join(await asRealAsPossible(parent), name);
  }
}

/**
 * True when a file system that ignores case found another spelling than the one asked for. (Linux mounts that ignore
 * case answer with the name asked for and cannot be told.)
 */
async function isOtherCase(realBase: string, segments: readonly string[], realPath: string): Promise<boolean> {
  const asked = join(realBase, ...segments);
  if (realPath === asked || fold(realPath) !== fold(asked)) return false;
  let folder = realBase;
  for (const segment of segments) {
    // A link named like its target but for the case is listed under its own name.
    const names = await readdir(folder);
    if (!names.some((name) => name.normalize() === segment.normalize())) return true;
    folder = join(folder, segment);
  }
  return false;
}

function fold(path: string): string {
  return path.normalize().toLowerCase();
}
