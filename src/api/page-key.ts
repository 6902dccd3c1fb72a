/** Where a list goes on: the key of its last item as an opaque text. */
import { HttpError } from './errors.ts';

export function encodeKey(key: readonly string[] | null): string | null {
  return key === null ? null : Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** @throws HttpError 400 when it was not made by `encodeKey` */
export function decodeKey(text: string | undefined): readonly string[] | null {
  if (text === undefined || text === '') return null;
  try {
    const key: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (Array.isArray(key) && key.length <= 4 && key.every((part) => typeof part === 'string' && isPlain(part)))
      return key;
  } catch {
    // Told below.
  }
  throw new HttpError(400, 'invalid_request', 'The page that is asked for is not one that was offered.');
}

/** @returns false for what no key holds and PostgreSQL does not take */
function isPlain(text: string): boolean {
  return /^[\x20-\x7e]{1,200}$/.test(text);
}
