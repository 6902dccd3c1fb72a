/**
 * Made-up content for blob tests.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type BlobContent, blobName } from '../../src/ports/blob-store.ts';

export interface SampleContent extends BlobContent {
  readonly bytes: Uint8Array;
  /** How often it was opened. */
  opened(): number;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes that do not repeat within a block, so that a lost or doubled part shows; equal for equal `seed` and `size`. */
export function sampleBytes(seed: string, size: number): Uint8Array {
  const bytes = Buffer.alloc(size);
  const block = createHash('sha512').update(seed).digest();
  for (let at = 0; at < size; at += block.length) {
    block.writeUInt32LE(at, 0);
    block.copy(bytes, at);
  }
  return bytes;
}

/** Content held in memory. */
export function heldContent(bytes: Uint8Array): SampleContent {
  let opened = 0;
  return {
    bytes,
    size: bytes.byteLength,
    sha256: sha256Of(bytes),
    opened: () => opened,
    open() {
      opened += 1;
      return bytes;
    },
  };
}

/** Content that comes as a stream of uneven chunks. */
export function streamedContent(bytes: Uint8Array): SampleContent {
  const held = heldContent(bytes);
  return { ...held, open: () => Readable.from(chunksOf(held.open() as Uint8Array), { objectMode: false }) };
}

/**
 * Content whose stream stops in the middle until `release` is called, or fails there with `fail`. `reached` resolves when the
 * store has taken the first half and waits for more.
 */
export function gatedContent(bytes: Uint8Array): BlobContent & {
  readonly reached: Promise<void>;
  release(): void;
  fail(error: Error): void;
} {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const middle = Math.floor(bytes.byteLength / 2);
  async function* gated(): AsyncGenerator<Uint8Array> {
    yield* chunksOf(bytes.subarray(0, middle));
    reached.resolve();
    await gate.promise;
    yield* chunksOf(bytes.subarray(middle));
  }
  return {
    size: bytes.byteLength,
    sha256: sha256Of(bytes),
    reached: reached.promise,
    release: gate.resolve,
    fail: gate.reject,
    open: () => Readable.from(gated(), { objectMode: false }),
  };
}

export function nameOf(organizationId: string, content: { readonly sha256: string }): string {
  return blobName(organizationId, content.sha256);
}

export async function readAll(stream: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

function* chunksOf(bytes: Uint8Array): Generator<Uint8Array> {
  const step = 50_021;
  for (let at = 0; at < bytes.byteLength; at += step) yield bytes.subarray(at, at + step);
}
