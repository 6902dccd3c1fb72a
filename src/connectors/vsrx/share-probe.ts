/** Tells whether the share is mounted, and whether it is still the same one. */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SyncError } from '../../domain/errors.ts';
import { locateFile } from './locate-file.ts';
import { openLocated, readWhole } from './open-file.ts';
import { judgePath, type PathPrefix } from './path-rules.ts';
import { isShortage, systemCode } from './share-error.ts';

export interface ShareProbeOptions {
  /** Absolute. */
  readonly base: string;
  readonly prefixes: readonly PathPrefix[];
  /** File below the base that only exists on the mounted share. Null: the folders themselves must hold something. */
  readonly marker: string | null;
}

/** A marker is a word or two; more is not read. */
const MAX_MARKER_SIZE = 64 * 1024;

/**
 * @returns a function that answers with a text that stays equal while the same share is mounted, null when it is not
 * @throws RangeError when the marker's path breaks the path rules
 */
export function createShareProbe(options: ShareProbeOptions): () => Promise<string | null> {
  const { base, prefixes } = options;
  const folders = prefixes.map((prefix) => join(base, ...prefix));
  const marker = options.marker === null ? null : markerSegments(options.marker);

  async function withMarker(segments: readonly string[]): Promise<readonly string[]> {
    const located = await locateFile(base, segments);
    const size = Number(located.stat.size);
    if (size > MAX_MARKER_SIZE) throw new SyncError('file_too_large');
    const handle = await openLocated(located);
    try {
      const { sha256 } = await readWhole(handle, size);
      return [sha256, identity(await stat(base, { bigint: true }))];
    } finally {
      await handle.close();
    }
  }

  async function withoutMarker(): Promise<readonly string[]> {
    const filled = folders.length > 0 ? folders : [base];
    const identities = await Promise.all(
      [base, ...filled].map(async (folder) => identity(await stat(folder, { bigint: true }))),
    );
    const empty = (await Promise.all(filled.map(holdsNothing))).includes(true);
    if (empty) throw new SyncError('share_unavailable');
    return identities;
  }

  return async () => {
    try {
      const parts = marker === null ? await withoutMarker() : await withMarker(marker);
      return createHash('sha256').update(parts.join('|')).digest('hex');
    } catch (error) {
      // "I cannot look just now" is not "it is away".
      if (isShortage(error)) throw new SyncError('share_unavailable', { action: 'retry', cause: error });
      if (error instanceof SyncError || systemCode(error) !== null) return null;
      throw error;
    }
  };
}

function markerSegments(marker: string): readonly string[] {
  const verdict = judgePath(marker, []);
  if (!verdict.ok) throw new RangeError(`The share marker must be a relative file path (${verdict.refusal}).`);
  return verdict.segments;
}

function identity(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}`;
}

/** Hidden names and `lost+found` are what an empty mount point or a fresh disk holds. */
async function holdsNothing(folder: string): Promise<boolean> {
  for await (const entry of await opendir(folder)) {
    if (!entry.name.startsWith('.') && entry.name !== 'lost+found') return false;
  }
  return true;
}
