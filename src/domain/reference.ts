/**
 * The identity of an item in its source and the one order in which both sides of a comparison are read.
 *
 * A VSRX file's reference is the file's UUID in lower case, or `id:<n>` when the source row has none: it must fit the
 * drop-in column of 36 characters. Comparing a number with a string once made a file upload *and* delete in each run.
 */
export type Reference = string & { readonly __brand: 'Reference' };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Lower-case canonical UUID, or null when the text is not one. */
export function normaliseUuid(text: string | null | undefined): string | null {
  const lower = text?.trim().toLowerCase();
  return lower && UUID.test(lower) ? lower : null;
}

/**
 * @param uuid the source's file UUID column; empty, blank or absent = none
 * @param id   the source's primary key, as text
 */
export function fileReference(uuid: string | null | undefined, id: string): Reference {
  const trimmed = uuid?.trim().toLowerCase();
  return (trimmed ? trimmed : `id:${id}`) as Reference;
}

/** Takes a reference that we stored ourselves. */
export function storedReference(text: string): Reference {
  return text as Reference;
}

/** Order by UTF-8 bytes, as `COLLATE "C"` and `BINARY` order; never a server's collation. */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  for (let i = 0; ; i++) {
    // Reaching an end first means "is a prefix of" and sorts first; NaN never equals.
    if (i === a.length) return -1;
    if (i === b.length) return 1;
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // UTF-16 order differs from byte order only where a surrogate meets a code unit above the surrogates.
    if (x >= 0xd800 || y >= 0xd800) return Buffer.compare(Buffer.from(a), Buffer.from(b));
    return x < y ? -1 : 1;
  }
}

/** Order of items: by unit, then by reference. */
export function compareKeys(
  a: { readonly unit: string; readonly reference: string },
  b: { readonly unit: string; readonly reference: string },
): number {
  return compareBytes(a.unit, b.unit) || compareBytes(a.reference, b.reference);
}
