/** Where a list goes on: the key of its last item as an opaque text. */
import { HttpError } from './errors.ts';

export function encodeKey(key: readonly string[] | null): string | null {
  return key === null ? null : Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** @param shape of each part, where the store would not take just any text. @throws HttpError 400 when it was not made by `encodeKey` */
export function decodeKey(text: string | undefined, shape?: readonly RegExp[]): readonly string[] | null {
  if (text === undefined || text === '') return null;
  try {
    const key: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (Array.isArray(key) && key.length <= 4 && key.every((part) => typeof part === 'string' && isPlain(part))) {
      if (shape === undefined) return key;
      if (key.length === shape.length && shape.every((pattern, i) => pattern.test(key[i]))) return key;
    }
  } catch {
    // Told below.
  }
  throw new HttpError(400, 'invalid_request', 'The page that is asked for is not one that was offered.');
}

/** @returns false for what no key holds and PostgreSQL does not take */
function isPlain(text: string): boolean {
  return text.isWellFormed() && /^\P{Cc}{0,500}$/u.test(text);
}
