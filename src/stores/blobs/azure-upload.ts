import { createHash, randomBytes } from 'node:crypto';
import { type BlobRequestConditions, type BlockBlobClient, RestError } from '@azure/storage-blob';
import { toSyncError } from '../../domain/errors.ts';
import type { BlobContent } from '../../ports/blob-store.ts';
import { azureErrorCode, isBlobAbsent } from './azure-error.ts';
import { contentChunks, createContentCheck, throwIfCancelled } from './content-check.ts';

/** Runs a request that carries `bytes` bytes under a time limit. */
export type Limited = <T>(bytes: number, request: (abortSignal: AbortSignal) => Promise<T>) => Promise<T>;

export interface UploadOutcome {
  /** False when the service says that another blob is there: what it holds is still to be compared. */
  readonly done: boolean;
  /** Of the whole content, when it was sent at once. */
  readonly md5: Uint8Array | null;
}

export const SINGLE_SHOT_BYTES = 8 * 1024 * 1024;
const BLOCK_BYTES = 4 * 1024 * 1024;
const BLOCKS_IN_FLIGHT = 2;

/** Etag of the blob that is to be replaced; null: there shall be none. */
export type Replaced = string | null;

function conditionsOf(replaced: Replaced): BlobRequestConditions {
  return replaced === null ? { ifNoneMatch: '*' } : { ifMatch: replaced };
}

/**
 * One request. The service checks the MD5 of the very bytes whose SHA-256 was checked here, so its answer is the proof and
 * no second request is needed.
 */
export async function uploadAtOnce(
  client: BlockBlobClient,
  content: BlobContent,
  replaced: Replaced,
  limited: Limited,
  signal?: AbortSignal,
): Promise<UploadOutcome> {
  const bytes = await checkedBytes(content, signal);
  const md5 = createHash('md5').update(bytes).digest();
  const done = await unlessConflict(
    limited(bytes.byteLength, (abortSignal) =>
      client.upload(bytes, bytes.byteLength, {
        abortSignal,
        conditions: conditionsOf(replaced),
        transactionalContentMD5: md5,
        metadata: metadataOf(content),
      }),
    ),
  );
  return { done, md5 };
}

/** Several requests; nothing is visible before the last one, and that one is sent only when size and hash are right. */
export async function uploadInBlocks(
  client: BlockBlobClient,
  content: BlobContent,
  replaced: Replaced,
  limited: Limited,
  signal?: AbortSignal,
): Promise<UploadOutcome> {
  const check = createContentCheck(content);
  // Uncommitted blocks of a name are shared by all its writers: own ids keep a wrong writer's bytes out of a right one's list.
  const writer = randomBytes(12).toString('hex');
  const ids: string[] = [];
  const inFlight = new Set<Promise<void>>();
  let failure: unknown = null;

  const stage = async (block: Uint8Array): Promise<void> => {
    const id = Buffer.from(`${writer}-${String(ids.length).padStart(5, '0')}`).toString('base64');
    ids.push(id);
    const staged = limited(block.byteLength, (abortSignal) =>
      client.stageBlock(id, block, block.byteLength, {
        abortSignal,
        transactionalContentMD5: createHash('md5').update(block).digest(),
      }),
    ).then(
      () => {},
      (error: unknown) => {
        failure ??= error;
      },
    );
    inFlight.add(staged);
    staged.then(() => inFlight.delete(staged));
    if (inFlight.size >= BLOCKS_IN_FLIGHT) await Promise.race(inFlight);
  };

  try {
    for await (const block of blocksOf(checkedChunks(content, check.update, signal))) {
      if (failure === null) await stage(block);
      if (failure !== null) break;
    }
  } finally {
    await Promise.all(inFlight);
  }
  if (failure !== null) throw failure;
  check.finish();
  throwIfCancelled(signal);

  const done = await unlessConflict(
    limited(0, (abortSignal) =>
      client.commitBlockList(ids, {
        abortSignal,
        conditions: conditionsOf(replaced),
        metadata: metadataOf(content),
      }),
    ),
  );
  return { done, md5: null };
}

export function metadataOf(content: BlobContent): Record<string, string> {
  return { sha256: content.sha256, size: String(content.size) };
}

/** 409 and 412 both say "exists", or is another one than that to be replaced, as 404 does; a commit after another writer's finds its blocks gone. */
async function unlessConflict(upload: Promise<unknown>): Promise<boolean> {
  try {
    await upload;
    return true;
  } catch (error) {
    if (!(error instanceof RestError)) throw error;
    const conflict = error.statusCode === 409 || error.statusCode === 412 || isBlobAbsent(error);
    if (!conflict && azureErrorCode(error) !== 'InvalidBlockList') throw error;
    return false;
  }
}

async function checkedBytes(content: BlobContent, signal?: AbortSignal): Promise<Uint8Array> {
  const opened = content.open();
  if (opened instanceof Uint8Array) {
    const check = createContentCheck(content);
    check.update(opened);
    check.finish();
    return opened;
  }
  const check = createContentCheck(content);
  const chunks: Uint8Array[] = [];
  for await (const chunk of checkedChunks({ ...content, open: () => opened }, check.update, signal)) chunks.push(chunk);
  check.finish();
  return Buffer.concat(chunks);
}

/** What the content's own stream says is not about this store: it must not look like a failure of the service. */
async function* checkedChunks(
  content: BlobContent,
  update: (chunk: Uint8Array) => void,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of contentChunks(content, signal)) {
      throwIfCancelled(signal);
      update(chunk);
      yield chunk;
    }
  } catch (error) {
    throw toSyncError(error);
  }
}

async function* blocksOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let room = BLOCK_BYTES;
  for await (const chunk of chunks) {
    let rest = chunk;
    while (rest.byteLength >= room) {
      yield Buffer.concat([...parts, rest.subarray(0, room)]);
      rest = rest.subarray(room);
      parts = [];
      room = BLOCK_BYTES;
    }
    if (rest.byteLength > 0) {
      parts.push(rest);
      room -= rest.byteLength;
    }
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}
