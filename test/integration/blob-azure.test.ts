import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../src/ports/blob-store.ts';
import { createAzureBlobStore } from '../../src/stores/blobs/azure.ts';
import { describeBlobStore } from '../contract/blob-store.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import {
  gatedContent,
  heldContent,
  nameOf,
  readAll,
  sampleBytes,
  sha256Of,
  streamedContent,
} from '../support/blob-content.ts';
import { type Fault, type FaultyProxy, type ProxiedRequest, startFaultyProxy } from '../support/faulty-proxy.ts';

const MIB = 1024 * 1024;
const container = 'documents';

describeBlobStore('azure', async () => {
  const azurite = await startAzurite();
  const service = BlobServiceClient.fromConnectionString(azurite.connectionString);
  const open = (): BlobStore => createAzureBlobStore({ connectionString: azurite.connectionString, container });
  return {
    store: open(),
    another: async () => open(),
    async tamper(name, bytes) {
      const blob = service.getContainerClient(container).getBlockBlobClient(name);
      const { metadata = {} } = await blob.getProperties();
      await blob.upload(bytes, bytes.byteLength, { metadata });
    },
    close: () => azurite.stop(),
  };
});

describe('azure blob store', () => {
  let azurite: Azurite;
  let proxy: FaultyProxy;
  /** Speaks to Azurite through the proxy. */
  let store: BlobStore;
  let direct: BlobStore;

  beforeAll(async () => {
    azurite = await startAzurite();
    direct = createAzureBlobStore({ connectionString: azurite.connectionString, container });
    await direct.prepare();
  });
  afterAll(async () => {
    await direct.close();
    await azurite.stop();
  });
  beforeEach(async () => {
    proxy = await startFaultyProxy(azurite.port);
    const connectionString = azurite.connectionStringWith({ port: proxy.port });
    store = createAzureBlobStore({ connectionString, container, timeoutMs: 1_500 });
  });
  afterEach(async () => {
    await store.close();
    await proxy.stop();
  });

  function containerClient() {
    return BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(container);
  }

  /** The fault, for the first request that `matches`. */
  function once(
    fault: Fault,
    matches: (request: ProxiedRequest) => boolean,
  ): (request: ProxiedRequest) => Fault | null {
    let done = false;
    return (request) => {
      if (done || !matches(request)) return null;
      done = true;
      return fault;
    };
  }
  const isUpload = ({ method, url }: ProxiedRequest): boolean => method === 'PUT' && !url.searchParams.has('comp');
  const isCommit = ({ url }: ProxiedRequest): boolean => url.searchParams.get('comp') === 'blocklist';
  const isBlock = ({ url }: ProxiedRequest): boolean => url.searchParams.get('comp') === 'block';
  const isGet = ({ method }: ProxiedRequest): boolean => method === 'GET';

  async function expectStored(name: string, bytes: Uint8Array): Promise<void> {
    const { stream } = await direct.get(name);
    expect(Buffer.compare(await readAll(stream), bytes)).toBe(0);
  }

  it('puts small content with one request', async () => {
    const bytes = sampleBytes('one request', 90_000);
    for (const [organization, content] of [
      ['held', heldContent(bytes)],
      ['streamed', streamedContent(bytes)],
    ] as const) {
      proxy.requests.length = 0;
      expect(await store.put(nameOf(organization, content), content)).toBe('created');
      expect(proxy.requests.length).toBe(1);
    }
  });

  it('does not open or send large content that exists', async () => {
    const content = streamedContent(sampleBytes('known', 20 * MIB));
    const name = nameOf('known', content);
    await store.put(name, content);
    proxy.requests.length = 0;
    expect(await store.put(name, content)).toBe('exists');
    expect(content.opened()).toBe(1);
    expect(proxy.requests.map((request) => request.method)).toEqual(['HEAD', 'PUT']);
    expect(proxy.requests.filter(isUpload)).toEqual([]);
  });

  describe('after a lost answer', () => {
    it('takes "exists" for success when the stored content is equal', async () => {
      const content = heldContent(sampleBytes('lost', 40_000));
      const name = nameOf('lost', content);
      proxy.plan = once({ kind: 'lose-answer' }, isUpload);
      expect(await store.put(name, content)).toBe('exists');
      expect(proxy.requests.map((request) => request.method)).toEqual(['PUT', 'PUT', 'HEAD', 'PUT']);
      await expectStored(name, content.bytes);
    });

    it('does so for large content, whose last request was lost', async () => {
      const content = streamedContent(sampleBytes('lost and large', 9 * MIB));
      const name = nameOf('lost', content);
      proxy.plan = once({ kind: 'lose-answer' }, isCommit);
      expect(await store.put(name, content)).toBe('exists');
      expect(proxy.requests.filter(isCommit).length).toBe(2);
      await expectStored(name, content.bytes);
    });

    it.each([
      ['size', (bytes: Uint8Array) => bytes.subarray(1)],
      ['content', (bytes: Uint8Array) => Buffer.from(bytes).fill(7, 0, 1)],
    ])('replaces what exists with another %s', async (_, change) => {
      const content = heldContent(sampleBytes('lost and other', 40_000));
      const name = nameOf('other', content);
      const other = change(content.bytes);
      const metadata = { sha256: content.sha256, size: String(content.size) };
      await containerClient().getBlockBlobClient(name).upload(other, other.byteLength, { metadata });
      proxy.plan = once({ kind: 'lose-answer' }, isUpload);
      expect(await store.put(name, content)).toBe('replaced');
      await expectStored(name, content.bytes);
      await direct.delete(name);
    });

    it('takes the replacement itself for success, small or large', async () => {
      for (const [size, isLast] of [
        [40_000, isUpload],
        [9 * MIB, isCommit],
      ] as const) {
        const content = heldContent(sampleBytes(`replaced and lost ${size}`, size));
        const name = nameOf('other', content);
        await containerClient().getBlockBlobClient(name).upload(Buffer.from('damaged'), 7);
        proxy.plan = once({ kind: 'lose-answer' }, (request) => isLast(request) && 'if-match' in request.headers);
        expect(await store.put(name, content)).toBe('exists');
        await expectStored(name, content.bytes);
      }
    });

    it('keeps what exists when only its metadata names another hash, and mends that', async () => {
      const content = heldContent(sampleBytes('other hash', 4_000));
      const name = nameOf('other', content);
      const metadata = { sha256: sha256Of(Buffer.from('other')), size: String(content.size) };
      const blob = containerClient().getBlockBlobClient(name);
      await blob.upload(content.bytes, content.size, { metadata });
      proxy.requests.length = 0;
      expect(await store.put(name, content)).toBe('exists');
      expect(proxy.requests.filter(isUpload)).toHaveLength(1);
      expect((await blob.getProperties()).metadata).toMatchObject({ sha256: content.sha256 });
    });
  });

  describe('when another program has stored the blob without our metadata', () => {
    it('reads it: equal content exists', async () => {
      const content = heldContent(sampleBytes('foreign', 300_000));
      const name = nameOf('foreign', content);
      await containerClient().getBlockBlobClient(name).upload(content.bytes, content.size);
      expect(await store.put(name, content)).toBe('exists');
      expect(proxy.requests.filter(isGet).length).toBe(1);
    });

    it('reads it: other content of the same size is replaced', async () => {
      const content = heldContent(sampleBytes('foreign and other', 300_000));
      const name = nameOf('foreign', content);
      await containerClient().getBlockBlobClient(name).upload(Buffer.alloc(content.size), content.size);
      expect(await store.put(name, content)).toBe('replaced');
      await expectStored(name, content.bytes);
    });
  });

  it('never replaces what another writer has put right meanwhile', async () => {
    const content = heldContent(sampleBytes('right meanwhile', 40_000));
    const name = nameOf('meanwhile', content);
    const blob = containerClient().getBlockBlobClient(name);
    await blob.upload(Buffer.from('damaged'), 7);
    let mended: Promise<unknown> | null = null;
    proxy.plan = (request) => {
      // Between the look at the damaged blob and its replacement.
      if (!('if-match' in request.headers) || mended !== null) return null;
      mended = direct.put(name, content);
      return { kind: 'late', until: mended.then(() => undefined), delivered: () => undefined };
    };
    expect(await store.put(name, content)).toBe('exists');
    expect(await mended).toBe('replaced');
    await expectStored(name, content.bytes);
  });

  it('says blob_corrupt when a policy forbids to replace what is wrong', async () => {
    const content = heldContent(sampleBytes('immutable and wrong', 500));
    const name = nameOf('immutable', content);
    await containerClient().getBlockBlobClient(name).upload(Buffer.from('damaged'), 7);
    const immutable = { 'x-ms-error-code': 'BlobImmutableDueToPolicy' };
    proxy.plan = (request) =>
      'if-match' in request.headers ? { kind: 'answer', status: 409, headers: immutable } : null;
    await expect(store.put(name, content)).rejects.toMatchObject({ code: 'blob_corrupt' });
    expect(await direct.stat(name)).toEqual({ name, size: 7 });
  });

  it.each([
    ['small', 50_000, isUpload],
    ['large', 9 * MIB, isBlock],
  ])('refuses a bit that changed on the way up (%s)', async (_, size, matches) => {
    const content = heldContent(sampleBytes(`changed ${size}`, size));
    const name = nameOf('changed', content);
    proxy.plan = once({ kind: 'change-body' }, matches);
    await expect(store.put(name, content)).rejects.toMatchObject({ code: 'blob_unavailable', action: 'retry' });
    expect(await direct.stat(name)).toBeNull();
    expect(await store.put(name, content)).toBe('created');
    await expectStored(name, content.bytes);
  });

  it('keeps the blocks of a wrong writer out of the content of a right one', async () => {
    const bytes = sampleBytes('mixed', 12 * MIB);
    const right = gatedContent(bytes);
    const name = nameOf('mixed', right);
    const put = store.put(name, right);
    await right.reached;
    const wrong = { ...streamedContent(Buffer.alloc(bytes.byteLength, 9)), sha256: right.sha256 };
    await expect(direct.put(name, wrong)).rejects.toMatchObject({ code: 'blob_corrupt' });
    right.release();
    expect(await put).toBe('created');
    await expectStored(name, bytes);
  });

  describe('a deletion whose request comes late', () => {
    async function lateDeletion(name: string): Promise<() => Promise<void>> {
      const arrival = Promise.withResolvers<void>();
      const effect = Promise.withResolvers<void>();
      const late: Fault = { kind: 'late', until: arrival.promise, delivered: effect.resolve };
      proxy.plan = once(late, ({ method }) => method === 'DELETE');
      await expect(store.delete(name)).rejects.toMatchObject({ code: 'blob_unavailable' });
      return async () => {
        arrival.resolve();
        await effect.promise;
      };
    }

    it.each([
      ['small', 60_000],
      ['large', 9 * MIB],
    ])('takes nothing that was put since (%s)', async (_, size) => {
      const content = heldContent(sampleBytes(`late ${size}`, size));
      const name = nameOf('late', content);
      await direct.put(name, content);
      const arrive = await lateDeletion(name);
      expect(await direct.put(name, content)).toBe('exists');
      await arrive();
      await expectStored(name, content.bytes);
    });

    it('takes what nobody has put since', async () => {
      const content = heldContent(sampleBytes('late and unwanted', 60_000));
      const name = nameOf('late', content);
      await direct.put(name, content);
      await (await lateDeletion(name))();
      expect(await direct.stat(name)).toBeNull();
    });
  });

  it('leaves a blob as it is when a policy forbids any change', async () => {
    const content = heldContent(sampleBytes('immutable', 500));
    const name = nameOf('immutable', content);
    await direct.put(name, content);
    const immutable = { 'x-ms-error-code': 'BlobImmutableDueToPolicy' };
    const isMetadata = ({ url }: ProxiedRequest): boolean => url.searchParams.get('comp') === 'metadata';
    proxy.plan = once({ kind: 'answer', status: 409, headers: immutable }, isMetadata);
    expect(await store.put(name, content)).toBe('exists');
  });

  it('puts again what was deleted after it was found', async () => {
    const content = heldContent(sampleBytes('found and gone', 9 * MIB));
    const name = nameOf('gone', content);
    await direct.put(name, content);
    const absent = { 'x-ms-error-code': 'BlobNotFound' };
    const isMetadata = ({ url }: ProxiedRequest): boolean => url.searchParams.get('comp') === 'metadata';
    const plan = once({ kind: 'answer', status: 404, headers: absent }, isMetadata);
    const blob = containerClient().getBlockBlobClient(name);
    let deleted: Promise<unknown> = Promise.resolve();
    proxy.plan = (request) => {
      const fault = plan(request);
      if (fault !== null) deleted = blob.delete();
      return fault;
    };
    expect(await store.put(name, content)).toBe('created');
    await deleted;
    await expectStored(name, content.bytes);
  });

  it('passes on how long a busy service wants to be left alone, at once', async () => {
    const content = heldContent(sampleBytes('busy', 100));
    proxy.plan = () => ({ kind: 'answer', status: 429, headers: { 'retry-after': '7' } });
    const busy = { code: 'blob_unavailable', action: 'retry', retryAfterMs: 7_000 };
    await expect(store.put(nameOf('busy', content), content)).rejects.toMatchObject(busy);
    expect(proxy.requests.length).toBe(1);
  });

  it.each([500, 503])('tries three times when the answer is %i, then gives up', async (status) => {
    const content = heldContent(sampleBytes('failing', 100));
    proxy.plan = () => ({ kind: 'answer', status, headers: { 'x-ms-retry-after-ms': '250' } });
    const failing = { code: 'blob_unavailable', retryAfterMs: 250 };
    await expect(store.put(nameOf('failing', content), content)).rejects.toMatchObject(failing);
    expect(proxy.requests.length).toBe(3);
  });

  it.each([401, 403])('is blob_credentials when the answer is %i', async (status) => {
    proxy.plan = () => ({ kind: 'answer', status });
    const refused = { code: 'blob_credentials', action: 'stop' };
    await expect(store.stat(nameOf('refused', heldContent(Buffer.from('x'))))).rejects.toMatchObject(refused);
  });

  it('is blob_unavailable when a service takes the connection and never answers', async () => {
    const content = heldContent(sampleBytes('silent', 100));
    const name = nameOf('silent', content);
    proxy.plan = () => ({ kind: 'silence' });
    const calls = [store.put(name, content), store.stat(name), store.get(name), store.delete(name)];
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'blob_unavailable', action: 'retry' } });
    }
  });

  it.each<Fault>([
    { kind: 'silence', afterBytes: 100_000 },
    { kind: 'break-answer', afterBytes: 100_000 },
  ])('is blob_unavailable when a download stops in the middle: $kind', async (fault) => {
    const content = heldContent(sampleBytes('stopped', 3 * MIB));
    const name = nameOf('stopped', content);
    await direct.put(name, content);
    proxy.plan = once(fault, isGet);
    const { stream } = await store.get(name);
    await expect(readAll(stream)).rejects.toMatchObject({ code: 'blob_unavailable', action: 'retry' });
    await direct.delete(name);
  });

  it('can be cancelled while it waits for an answer', async () => {
    const content = heldContent(sampleBytes('cancelled', 100));
    const controller = new AbortController();
    proxy.plan = () => {
      controller.abort();
      return { kind: 'silence' };
    };
    const put = store.put(nameOf('cancelled', content), content, controller.signal);
    await expect(put).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('can be cancelled, or left, while a download is silent', async () => {
    const content = heldContent(sampleBytes('silent download', 3 * MIB));
    const name = nameOf('silent', content);
    await direct.put(name, content);
    proxy.plan = (request) => (isGet(request) ? { kind: 'silence', afterBytes: 100_000 } : null);
    const patient = createAzureBlobStore({
      connectionString: azurite.connectionStringWith({ port: proxy.port }),
      container,
      timeoutMs: 3_600_000,
    });
    const controller = new AbortController();
    const { stream } = await patient.get(name, controller.signal);
    stream.once('data', () => setImmediate(() => controller.abort()));
    await expect(readAll(stream)).rejects.toMatchObject({ code: 'cancelled' });
    const left = (await patient.get(name)).stream;
    for await (const _ of left) break;
    expect(left.destroyed).toBe(true);
    await direct.delete(name);
  });

  it('stops the connection when its container is away', async () => {
    const away = createAzureBlobStore({ connectionString: azurite.connectionString, container: 'away' });
    const content = heldContent(Buffer.from('x'));
    const name = nameOf('away', content);
    const unavailable = { code: 'blob_unavailable', action: 'stop' };
    await expect(away.put(name, content)).rejects.toMatchObject(unavailable);
    await expect(away.get(name)).rejects.toMatchObject(unavailable);
    await expect(away.stat(name)).rejects.toMatchObject(unavailable);
    await expect(away.delete(name)).rejects.toMatchObject(unavailable);
    await expect(Array.fromAsync(away.list(''))).rejects.toMatchObject(unavailable);
    await away.prepare();
    expect(await away.put(name, content)).toBe('created');
  });

  it('is blob_credentials with a wrong key, and says nothing of the key', async () => {
    const key = Buffer.from('not the key').toString('base64');
    const wrong = createAzureBlobStore({ connectionString: azurite.connectionStringWith({ key }), container });
    const content = heldContent(Buffer.from('x'));
    const name = nameOf('key', content);
    const calls = [wrong.prepare(), wrong.stat(name), wrong.put(name, content), wrong.get(name)];
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'blob_credentials', action: 'stop' } });
      expect(JSON.stringify(result)).not.toContain(key);
    }
  });

  it.each(['', 'AccountName=only', 'nonsense;;'])(
    'is blob_credentials for the connection string %j',
    (connectionString) => {
      expect(() => createAzureBlobStore({ connectionString, container })).toThrow(
        expect.objectContaining({ code: 'blob_credentials', cause: undefined }),
      );
    },
  );
});

describe('azure blob store whose server stops', () => {
  it('is blob_unavailable within two seconds, in the middle of calls and for new ones', async () => {
    const azurite = await startAzurite();
    const store = createAzureBlobStore({ connectionString: azurite.connectionString, container });
    await store.prepare();
    const stored = heldContent(sampleBytes('stored', 30 * MIB));
    await store.put(nameOf('org', stored), stored);
    const begun = gatedContent(sampleBytes('begun', 20 * MIB));
    const put = store.put(nameOf('org', begun), begun);
    await begun.reached;
    const { stream } = await store.get(nameOf('org', stored));

    await azurite.stop();
    const stoppedAt = performance.now();
    begun.release();
    const small = heldContent(Buffer.from('x'));
    const name = nameOf('org', small);
    // Beside each other: the time of one is not spent on the others.
    const calls = [put, readAll(stream), store.put(name, small), store.stat(name), store.prepare()];
    const times = await Promise.all(
      calls.map(async (call) => {
        await expect(call).rejects.toMatchObject({ code: 'blob_unavailable', action: 'retry' });
        return performance.now() - stoppedAt;
      }),
    );
    for (const ms of times) expect(ms).toBeLessThan(2_000);
  });
});
