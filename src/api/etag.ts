/** RFC 9110: what a caller has, or has seen, named by its tag. */

/** @param header a list of tags, weak or strong, or "*" */
export function isNamed(etag: string, header: string | undefined): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}

export interface Preconditions {
  readonly 'if-match'?: string | undefined;
  readonly 'if-none-match'?: string | undefined;
}

/** @param etag of what is there now; null: nothing. @returns whether the caller has seen it, or did not say what it has seen */
export function isAsSeen(etag: string | null, { 'if-match': match, 'if-none-match': none }: Preconditions): boolean {
  if (match !== undefined && (etag === null || !isNamed(etag, match))) return false;
  return etag === null || !isNamed(etag, none);
}

/** @param version of a case summary */
export function summaryTag(version: string | null): string | null {
  return version === null ? null : `"${version}"`;
}
