/**
 * What the path of a source file may look like. Pure: decides on the text alone, before anything is opened. That the
 * file really lies inside the base is decided again on the opened file (`open-file.ts`).
 *
 * Look-alikes of `.` and `/` (fullwidth forms, U+2024, U+2215 …) are ordinary characters of a name: nothing here or
 * below folds them. Only canonical normalisation (NFC, NFD) is ever applied, which never makes an ASCII dot, slash or
 * backslash out of another character; compatibility normalisation (NFKC, NFKD) would, and is not used.
 */

export const PATH_REFUSALS = [
  /** No text. */
  'empty',
  /** More than {@link MAX_PATH_BYTES}, or a name of more than {@link MAX_NAME_BYTES}. */
  'too-long',
  'nul',
  /** A control character. */
  'control',
  /** Half of a surrogate pair: no file can have this name, and encoding it would name another one. */
  'not-unicode',
  'backslash',
  /** `C:…` */
  'drive',
  'absolute',
  /** A `..` segment, wherever it leads. */
  'traversal',
  /** Ends with a separator, so it names a folder. */
  'folder',
  /** Not below an allowed folder. */
  'prefix',
] as const;
export type PathRefusal = (typeof PATH_REFUSALS)[number];

export type PathVerdict =
  | { readonly ok: true; readonly segments: readonly string[] }
  | { readonly ok: false; readonly refusal: PathRefusal };

/** Linux `PATH_MAX` and `NAME_MAX`, in UTF-8 bytes. */
export const MAX_PATH_BYTES = 4096;
export const MAX_NAME_BYTES = 255;

/** A folder below the base in which files may lie, as its segments. */
export type PathPrefix = readonly string[];

/**
 * Judges a path of the source database.
 *
 * @param path relative to the base, separated by `/`, untrusted
 * @param prefixes from {@link parsePrefixes}; none = anywhere below the base
 * @returns the segments of the normalised path (no empty and no `.` segments), or why it is refused
 */
export function judgePath(path: string, prefixes: readonly PathPrefix[]): PathVerdict {
  const verdict = splitPath(path);
  if (!verdict.ok) return verdict;
  const { segments } = verdict;
  const last = path.slice(path.lastIndexOf('/') + 1);
  if (last === '' || last === '.') return refuse('folder');
  if (prefixes.length > 0 && !prefixes.some((prefix) => isBelow(segments, prefix))) return refuse('prefix');
  return verdict;
}

/**
 * Reads the configured folders, e.g. `notes/`.
 *
 * @throws RangeError when one of them breaks the rules itself
 */
export function parsePrefixes(prefixes: readonly string[]): readonly PathPrefix[] {
  return prefixes.map((prefix) => {
    const verdict = splitPath(prefix);
    if (!verdict.ok) throw new RangeError(`A prefix must be a relative folder (${verdict.refusal}).`);
    return verdict.segments;
  });
}

/**
 * The other spellings of a name that look the same: NFC for NFD and the reverse. Only those that the rules allow too.
 */
export function otherForms(segment: string): readonly string[] {
  const forms = new Set([segment.normalize('NFC'), segment.normalize('NFD')]);
  forms.delete(segment);
  return [...forms].filter((form) => {
    const verdict = splitPath(form);
    return verdict.ok && verdict.segments.length === 1;
  });
}

function splitPath(path: string): PathVerdict {
  if (path.trim() === '') return refuse('empty');
  // UTF-16 units are never more than UTF-8 bytes: an endless text is refused before it is walked.
  if (path.length > MAX_PATH_BYTES) return refuse('too-long');
  if (path.includes('\0')) return refuse('nul');
  if (/[\x01-\x1f\x7f]/.test(path)) return refuse('control');
  if (!path.isWellFormed()) return refuse('not-unicode');
  if (path.includes('\\')) return refuse('backslash');
  if (/^[A-Za-z]:/.test(path)) return refuse('drive');
  if (path.startsWith('/')) return refuse('absolute');
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) return refuse('traversal');
  if (segments.length === 0) return refuse('empty');
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return refuse('too-long');
  if (segments.some((segment) => Buffer.byteLength(segment) > MAX_NAME_BYTES)) return refuse('too-long');
  return { ok: true, segments };
}

function isBelow(segments: readonly string[], prefix: PathPrefix): boolean {
  return segments.length > prefix.length && prefix.every((name, index) => segments[index] === name);
}

function refuse(refusal: PathRefusal): PathVerdict {
  return { ok: false, refusal };
}
