/** SHA-256 of content held in memory, computed once for the same bytes however many parties want to be sure of it. */
import { hash } from 'node:crypto';

/** By the very object: bytes are never written again once they were hashed here. */
const known = new WeakMap<Uint8Array, string>();

/** @returns lower-case hex */
export function contentHash(bytes: Uint8Array): string {
  let sha256 = known.get(bytes);
  if (sha256 === undefined) {
    sha256 = hash('sha256', bytes, 'hex');
    known.set(bytes, sha256);
  }
  return sha256;
}
