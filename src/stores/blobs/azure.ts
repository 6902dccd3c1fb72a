/**
 * Blobs in a container of Azure Blob Storage, named as in the port. SHA-256 and size stand in the blob's metadata, so that
 * "exists" can be proved without reading it. Needs no soft delete, versions or other account settings.
 */
import type { Readable } from 'node:stream';
import {
  type BlobDownloadResponseParsed,
  BlobServiceClient,
  type BlockBlobClient,
  type ContainerClient,
  type ContainerListBlobFlatSegmentResponse,
} from '@azure/storage-blob';
import { SyncError } from '../../domain/errors.ts';
import { type BlobContent, type BlobStore, isBlobName, type PutResult, parseBlobName } from '../../ports/blob-store.ts';
import { withDeadline } from './azure-deadline.ts';
import { isAnotherOne, isBlobAbsent, isContainerAbsent, isImmutable, toAzureError } from './azure-error.ts';
import {
  type Limited,
  metadataOf,
  type Replaced,
  SINGLE_SHOT_BYTES,
  uploadAtOnce,
  uploadInBlocks,
} from './azure-upload.ts';
import { assertNamed, type StoredContent, storedContent, throwIfCancelled } from './content-check.ts';
import { verifiedStream } from './verified-stream.ts';

export interface AzureBlobStoreOptions {
  readonly connectionString: string;
  readonly container: string;
  /** Time for one request with its retries, without the time its bytes take. Default 30,000. */
  readonly timeoutMs?: number;
}

/** Short, because the caller repeats with its own pace; enough for a restarting front end. */
const RETRIES = { maxTries: 3, retryDelayInMs: 300, maxRetryDelayInMs: 900 };
/** The slowest line that is not yet taken for a dead one. */
const SLOWEST_BYTES_PER_MS = 64;
/** Of one `put`, when what is stored is wrong, or another one each time. */
const PUT_TRIES = 3;

interface Stored {
  readonly content: StoredContent;
  /** Of wrong content: only this very blob is replaced. */
  readonly etag?: string | undefined;
}

/** @throws SyncError `blob_credentials` when the connection string cannot be read. */
export function createAzureBlobStore(options: AzureBlobStoreOptions): BlobStore {
  const { timeoutMs = 30_000 } = options;
  const container = connect(options);

  function limitedBy(signal: AbortSignal | undefined): Limited {
    return (bytes, request) => withDeadline(timeoutMs + bytes / SLOWEST_BYTES_PER_MS, signal, request);
  }

  async function asking<T>(signal: AbortSignal | undefined, work: (limited: Limited) => Promise<T>): Promise<T> {
    throwIfCancelled(signal);
    try {
      return await work(limitedBy(signal));
    } catch (error) {
      throw toAzureError(error, signal);
    }
  }

  /** @param believed null: what stands beside the bytes is not; md5: of the content, when it is known */
  async function compare(
    client: BlockBlobClient,
    content: BlobContent,
    believed: { readonly md5: Uint8Array | null } | null,
    signal?: AbortSignal,
    looks = 1,
  ): Promise<Stored> {
    const found = await propertiesOf(client, limitedBy(signal));
    if (!found) return { content: 'absent' };
    const wrong: Stored = { content: 'wrong', etag: found.etag };
    if (found.contentLength !== content.size) return wrong;
    if (believed !== null && found.metadata?.sha256 === content.sha256 && isSame(believed.md5, found.contentMD5)) {
      return { content: 'right' };
    }
    // What another program has stored says nothing about itself, or something wrong: only its bytes count.
    const download = (abortSignal: AbortSignal) => {
      const conditions = found.etag === undefined ? {} : { ifMatch: found.etag };
      return client.download(0, undefined, { abortSignal, conditions });
    };
    let stream: Readable;
    try {
      ({ stream } = await read(download, content.sha256, signal));
    } catch (error) {
      // Another writer has renewed or removed it since it was asked for.
      if (looks < PUT_TRIES && isAnotherOne(error)) return compare(client, content, believed, signal, looks + 1);
      throw error;
    }
    return (await storedContent(stream, content, signal)) === 'right' ? { content: 'right' } : wrong;
  }

  /**
   * Gives a blob that was found a new ETag, so that a deletion of what it was before, still under way, does nothing.
   * @returns false when it is gone by now
   */
  async function renew(client: BlockBlobClient, content: BlobContent, signal?: AbortSignal): Promise<boolean> {
    try {
      await limitedBy(signal)(0, (abortSignal) => client.setMetadata(metadataOf(content), { abortSignal }));
      return true;
    } catch (error) {
      if (isBlobAbsent(error)) return false;
      // Nobody can delete it either.
      if (isImmutable(error)) return true;
      throw error;
    }
  }

  async function read(
    download: (abortSignal: AbortSignal) => Promise<BlobDownloadResponseParsed>,
    sha256: string,
    signal?: AbortSignal,
  ) {
    // The limit covers the answer's beginning; after that, silence for as long ends the stream.
    const answer = await limitedBy(signal)(0, download);
    const source = answer.readableStreamBody as Readable;
    const size = answer.contentLength ?? 0;
    const toError = (error: unknown): SyncError => toAzureError(error, signal);
    const stream = verifiedStream({ source, expected: { size, sha256 }, toError, signal, silenceMs: timeoutMs });
    return { size, stream };
  }

  return {
    kind: 'azure',

    prepare: (signal) =>
      asking(signal, async (limited) => {
        // A listing, because a key for one container may list it but not ask for its properties.
        const probe = (abortSignal: AbortSignal) =>
          container.listBlobsFlat({ abortSignal }).byPage({ maxPageSize: 1 }).next();
        try {
          await limited(0, probe);
        } catch (error) {
          if (!isContainerAbsent(error)) throw error;
          await limited(0, (abortSignal) => container.createIfNotExists({ abortSignal }));
        }
      }),

    async put(name, content, signal, { distrust = false } = {}) {
      assertNamed(content, parseBlobName(name).sha256);
      const client = container.getBlockBlobClient(name);
      return asking(signal, async (limited) => {
        const large = content.size > SINGLE_SHOT_BYTES;
        const upload = large ? uploadInBlocks : uploadAtOnce;
        // Small content is sent at once: mostly it is not there.
        let there: Stored = { content: 'absent' };
        if (large || distrust) there = await compare(client, content, distrust ? null : { md5: null }, signal);
        if (there.content === 'right' && (await renew(client, content, signal))) return 'exists';
        for (let tries = 1; tries <= PUT_TRIES; tries++) {
          const replaced: Replaced = there.content === 'wrong' ? (there.etag ?? null) : null;
          const { done, md5 } = await upload(client, content, replaced, limited, signal);
          const result: PutResult = replaced === null ? 'created' : 'replaced';
          if (done && !large) return result;
          there = await compare(client, content, done || !distrust ? { md5 } : null, signal);
          if (there.content === 'right') {
            if (done) return result;
            if (await renew(client, content, signal)) return 'exists';
          }
          if (there.content !== 'wrong') {
            throw new SyncError('blob_unavailable', { detail: 'The blob was deleted while it was written.' });
          }
        }
        throw new SyncError('blob_corrupt', { detail: 'The stored content is wrong and cannot be replaced.' });
      });
    },

    async get(name, signal) {
      const { sha256 } = parseBlobName(name);
      const client = container.getBlockBlobClient(name);
      const download = (abortSignal: AbortSignal) => client.download(0, undefined, { abortSignal });
      return asking(signal, () => read(download, sha256, signal));
    },

    async stat(name, signal) {
      parseBlobName(name);
      return asking(signal, async (limited) => {
        const found = await propertiesOf(container.getBlockBlobClient(name), limited);
        return found && { name, size: found.contentLength ?? 0 };
      });
    },

    async *list(prefix, { pageSize = 1000, signal } = {}) {
      let continuationToken: string | undefined;
      do {
        const page = await asking(signal, (limited) =>
          limited(0, async (abortSignal) => {
            const settings = { maxPageSize: pageSize, ...(continuationToken ? { continuationToken } : {}) };
            const { value } = await container.listBlobsFlat({ prefix, abortSignal }).byPage(settings).next();
            return value as ContainerListBlobFlatSegmentResponse;
          }),
        );
        yield page.segment.blobItems
          .filter((item) => isBlobName(item.name))
          .map((item) => ({ name: item.name, size: item.properties.contentLength ?? 0 }));
        continuationToken = page.continuationToken;
      } while (continuationToken);
    },

    async delete(name, signal) {
      parseBlobName(name);
      return asking(signal, async (limited) => {
        const client = container.getBlockBlobClient(name);
        try {
          // Of what it is now: the request may come late, when the content is needed again.
          const found = await propertiesOf(client, limited);
          if (found === null) return false;
          const conditions = found.etag === undefined ? {} : { ifMatch: found.etag };
          await limited(0, (abortSignal) => client.delete({ abortSignal, conditions, deleteSnapshots: 'include' }));
          return true;
        } catch (error) {
          if (isBlobAbsent(error)) return false;
          throw error;
        }
      });
    },

    async close() {},
  };
}

function connect(options: AzureBlobStoreOptions): ContainerClient {
  try {
    const service = BlobServiceClient.fromConnectionString(options.connectionString, { retryOptions: RETRIES });
    return service.getContainerClient(options.container);
  } catch {
    // Without the cause: its text may hold a part of the connection string.
    throw new SyncError('blob_credentials', { detail: 'The connection string cannot be read.' });
  }
}

function isSame(md5: Uint8Array | null, stored: Uint8Array | undefined): boolean {
  return md5 === null || stored === undefined || Buffer.from(md5).equals(stored);
}

async function propertiesOf(client: BlockBlobClient, limited: Limited) {
  try {
    return await limited(0, (abortSignal) => client.getProperties({ abortSignal }));
  } catch (error) {
    if (isBlobAbsent(error)) return null;
    throw error;
  }
}
