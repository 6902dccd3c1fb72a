import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { contentHash } from './content-hash.ts';

describe('content hash', () => {
  it('is the SHA-256 in hex, the same when asked again', () => {
    const bytes = Buffer.from('Dear colleague');
    const expected = createHash('sha256').update('Dear colleague').digest('hex');
    expect(contentHash(bytes)).toBe(expected);
    expect(contentHash(bytes)).toBe(expected);
  });

  it('is not taken over by other bytes, not even by a view of the same memory', () => {
    const bytes = Buffer.from('Dear colleague');
    contentHash(bytes);
    expect(contentHash(bytes.subarray(1))).toBe(createHash('sha256').update('ear colleague').digest('hex'));
    expect(contentHash(Buffer.from(bytes))).toBe(contentHash(bytes));
  });
});
