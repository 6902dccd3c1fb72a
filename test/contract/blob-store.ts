/**
 * The contract of `src/ports/blob-store.ts`, sentence by sentence, for any adapter.
 */
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SyncError } from '../../src/domain/errors.ts';
import { type BlobContent, type BlobInfo, type BlobStore, blobName } from '../../src/ports/blob-store.ts';
import {
  gatedContent,
  heldContent,
  nameOf,
  readAll,
  sampleBytes,
  sha256Of,
  streamedContent,
} from '../support/blob-content.ts';

export interface BlobStoreUnderTest {
  readonly store: BlobStore;
  /** Another store over the same data, as another process has it. */
  another(): Promise<BlobStore>;
  /** Replaces the bytes of a stored blob behind the store's back, as a failing disk or a foreign program does. */
  tamper(name: string, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

const MIB = 1024 * 1024;
/** Larger than what any adapter sends at once. */
const LARGE = 40 * MIB;

/** @param makeStore called once; every test uses an organisation of its own. */
export function describeBlobStore(name: string, makeStore: () => Promise<BlobStoreUnderTest>): void {
  describe(`blob store contract: ${name}`, () => {
    let subject: BlobStoreUnderTest;
    let store: BlobStore;
    let organizations = 0;
    const newOrganization = (): string => `org_${++organizations}`;

    beforeAll(async () => {
      subject = await makeStore();
      store = subject.store;
      await store.prepare();
    });
    afterAll(async () => {
      await store.close();
      await subject.close();
    });

    async function allOf(prefix: string, pageSize?: number): Promise<BlobInfo[]> {
      const pages = await Array.fromAsync(store.list(prefix, pageSize === undefined ? {} : { pageSize }));
      return pages.flat();
    }

    async function expectNothing(blob: string): Promise<void> {
      expect(await store.stat(blob)).toBeNull();
      expect(await allOf(blob)).toEqual([]);
      await expect(store.get(blob)).rejects.toMatchObject({ code: 'blob_missing' });
    }

    async function expectWhole(blob: string, bytes: Uint8Array): Promise<void> {
      expect(await store.stat(blob)).toEqual({ name: blob, size: bytes.byteLength });
      const { size, stream } = await store.get(blob);
      expect(size).toBe(bytes.byteLength);
      expect(Buffer.compare(await readAll(stream), bytes)).toBe(0);
    }

    it('may be prepared again, also by another process', async () => {
      await store.prepare();
      await (await subject.another()).prepare();
    });

    describe('put', () => {
      it.each([
        ['no bytes', 0],
        ['one byte', 1],
        ['a letter', 30_000],
        ['just what is sent at once', 8 * MIB],
        ['one byte more than is sent at once', 8 * MIB + 1],
      ])('stores held and streamed content of %s', async (_, size) => {
        const bytes = sampleBytes(`size ${size}`, size);
        for (const content of [heldContent(bytes), streamedContent(bytes)]) {
          const blob = nameOf(newOrganization(), content);
          expect(await store.put(blob, content)).toBe('created');
          await expectWhole(blob, bytes);
        }
      });

      it('stores 40 MiB that come as a stream, and gives them back', async () => {
        const content = streamedContent(sampleBytes('large', LARGE));
        const blob = nameOf(newOrganization(), content);
        expect(await store.put(blob, content)).toBe('created');
        await expectWhole(blob, content.bytes);
      });

      it.each([
        ['small', 5_000],
        ['large', 9 * MIB],
      ])('says that %s content exists when it does, to every process', async (_, size) => {
        const content = streamedContent(sampleBytes(`twice ${size}`, size));
        const blob = nameOf(newOrganization(), content);
        expect(await store.put(blob, content)).toBe('created');
        expect(await store.put(blob, content)).toBe('exists');
        expect(await (await subject.another()).put(blob, heldContent(content.bytes))).toBe('exists');
        await expectWhole(blob, content.bytes);
      });

      it.each([
        ['small', 20_000],
        ['large', 9 * MIB],
      ])('lets several writers of one %s name succeed', async (_, size) => {
        const content = streamedContent(sampleBytes(`together ${size}`, size));
        const blob = nameOf(newOrganization(), content);
        const stores = [store, await subject.another(), store, await subject.another(), store];
        const results = await Promise.all(stores.map((each) => each.put(blob, content)));
        // Who was first may not learn it (a lost answer looks like another writer), but never two.
        expect(results.filter((result) => result === 'created').length).toBe(1);
        await expectWhole(blob, content.bytes);
      });

      it('keeps the content of two organisations apart', async () => {
        const content = heldContent(sampleBytes('same in both', 900));
        const [one, two] = [nameOf(newOrganization(), content), nameOf(newOrganization(), content)];
        await store.put(one, content);
        await expectNothing(two);
        expect(await store.put(two, content)).toBe('created');
        expect(await store.delete(one)).toBe(true);
        await expectWhole(two, content.bytes);
      });

      const right = sampleBytes('right', 60_000);
      const large = sampleBytes('right and large', 9 * MIB);
      const changed = (bytes: Uint8Array): Uint8Array => {
        const copy = Buffer.from(bytes);
        copy[copy.length - 1]! ^= 1;
        return copy;
      };
      it.each<[string, Uint8Array, Uint8Array]>([
        ['another hash', right, changed(right)],
        ['fewer bytes', right, right.subarray(1)],
        ['more bytes', right, Buffer.concat([right, Buffer.of(0)])],
        ['another hash (large)', large, changed(large)],
        ['fewer bytes (large)', large, large.subarray(1)],
        ['more bytes (large)', large, Buffer.concat([large, Buffer.of(0)])],
      ])('refuses content with %s than it says and leaves nothing behind', async (_, said, sent) => {
        const truth = { size: said.byteLength, sha256: sha256Of(said) };
        const blob = nameOf(newOrganization(), truth);
        for (const content of [heldContent(sent), streamedContent(sent)]) {
          await expect(store.put(blob, { ...content, ...truth })).rejects.toMatchObject({ code: 'blob_corrupt' });
          await expectNothing(blob);
        }
        expect(await store.put(blob, heldContent(said))).toBe('created');
        await expectWhole(blob, said);
      });

      it('refuses content under the name of other content', async () => {
        const content = heldContent(sampleBytes('misnamed', 100));
        const blob = blobName(newOrganization(), sha256Of(Buffer.from('other')));
        await expect(store.put(blob, content)).rejects.toMatchObject({ code: 'blob_corrupt' });
        await expectNothing(blob);
      });

      it.each<[string, Uint8Array]>([
        ['small', right],
        ['large', large],
      ])('compares what is stored before it says that it exists, and replaces what is wrong (%s)', async (_, bytes) => {
        const content = streamedContent(bytes);
        const blob = nameOf(newOrganization(), content);
        await store.put(blob, content);
        for (const damaged of [bytes.subarray(1), Buffer.concat([bytes, Buffer.of(0)]), Buffer.alloc(0)]) {
          await subject.tamper(blob, damaged);
          expect(await store.put(blob, content)).toBe('replaced');
          await expectWhole(blob, bytes);
          expect(await store.put(blob, content)).toBe('exists');
        }
        // What the store wrote down of it is still true: only the bytes are not.
        await subject.tamper(blob, changed(bytes));
        expect(await store.put(blob, content, undefined, { distrust: true })).toBe('replaced');
        await expectWhole(blob, bytes);
        expect(await store.put(blob, content, undefined, { distrust: true })).toBe('exists');
      });

      it('replaces a damaged blob by nothing but the right content', async () => {
        const content = heldContent(right);
        const blob = nameOf(newOrganization(), content);
        await store.put(blob, content);
        const damaged = right.subarray(1);
        await subject.tamper(blob, damaged);
        const wrong = { ...heldContent(changed(right)), sha256: content.sha256 };
        await expect(store.put(blob, wrong)).rejects.toMatchObject({ code: 'blob_corrupt' });
        const broken = gatedContent(right);
        const put = store.put(blob, broken);
        broken.reached.then(() => broken.fail(new SyncError('file_changed_while_read')));
        await expect(put).rejects.toMatchObject({ code: 'file_changed_while_read' });
        expect(await store.stat(blob)).toEqual({ name: blob, size: damaged.byteLength });
        expect(await store.put(blob, content)).toBe('replaced');
        await expectWhole(blob, right);
      });

      it.each<[string, Uint8Array]>([
        ['small', right],
        ['large', large],
      ])('lets several writers replace one damaged blob (%s)', async (_, bytes) => {
        const content = streamedContent(bytes);
        const blob = nameOf(newOrganization(), content);
        await store.put(blob, content);
        await subject.tamper(blob, bytes.subarray(1));
        const stores = [store, await subject.another(), store, await subject.another()];
        const results = await Promise.all(stores.map((each) => each.put(blob, content)));
        expect(new Set(results)).not.toContain('created');
        await expectWhole(blob, bytes);
      });

      it('never writes over a blob that is right', async () => {
        const content = heldContent(right);
        const blob = nameOf(newOrganization(), content);
        await store.put(blob, content);
        const wrong = { ...heldContent(changed(right)), sha256: content.sha256 };
        await store.put(blob, wrong).catch((error: unknown) => expect(error).toMatchObject({ code: 'blob_corrupt' }));
        await expectWhole(blob, right);
      });

      it('puts a blob back after a damaged one was deleted', async () => {
        const content = heldContent(sampleBytes('mended', 10_000));
        const blob = nameOf(newOrganization(), content);
        await store.put(blob, content);
        await subject.tamper(blob, Buffer.from('damaged'));
        expect(await store.delete(blob)).toBe(true);
        expect(await store.put(blob, content)).toBe('created');
        await expectWhole(blob, content.bytes);
      });

      it("lets an error of the content's own stream come out as it is, and leaves nothing behind", async () => {
        for (const size of [100_000, 20 * MIB]) {
          const content = gatedContent(sampleBytes(`breaks ${size}`, size));
          const blob = nameOf(newOrganization(), content);
          const put = store.put(blob, content);
          content.reached.then(() => content.fail(new SyncError('file_changed_while_read')));
          await expect(put).rejects.toMatchObject({ code: 'file_changed_while_read' });
          await expectNothing(blob);
        }
      });

      it("does not take a system error of the content's own stream for one of the store", async () => {
        const missing = Object.assign(new Error('gone'), { code: 'ENOENT', errno: -2, syscall: 'open' });
        const content = gatedContent(sampleBytes('source gone', 100_000));
        const put = store.put(nameOf(newOrganization(), content), content);
        content.reached.then(() => content.fail(missing));
        await expect(put).rejects.toMatchObject({ code: 'unexpected' });
      });
    });

    describe('a reader', () => {
      it.each([
        ['small', 100_000],
        ['large', 9 * MIB],
      ])('sees %s damaged content as it was until it is replaced, and then the whole', async (_, size) => {
        const bytes = sampleBytes(`replaced ${size}`, size);
        const content = gatedContent(bytes);
        const blob = nameOf(newOrganization(), content);
        await store.put(blob, heldContent(bytes));
        await subject.tamper(blob, bytes.subarray(1));
        const put = store.put(blob, content);
        await content.reached;
        expect(await store.stat(blob)).toEqual({ name: blob, size: size - 1 });
        expect(await allOf(blob)).toEqual([{ name: blob, size: size - 1 }]);
        content.release();
        expect(await put).toBe('replaced');
        await expectWhole(blob, bytes);
      });

      it.each([
        ['small', 100_000],
        ['large', LARGE],
      ])('sees none of %s content while it is written, and then the whole', async (_, size) => {
        const bytes = sampleBytes(`half ${size}`, size);
        const content = gatedContent(bytes);
        const blob = nameOf(newOrganization(), content);
        const put = store.put(blob, content);
        await content.reached;
        await expectNothing(blob);
        content.release();
        expect(await put).toBe('created');
        await expectWhole(blob, bytes);
      });

      it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
        ['changed', (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.of(bytes.at(-1)! ^ 1)])],
        ['shorter', (bytes) => bytes.subarray(0, -1)],
        ['longer', (bytes) => Buffer.concat([bytes, Buffer.of(0)])],
        ['empty', () => Buffer.alloc(0)],
      ])('gets blob_corrupt at the end of %s content', async (_, damage) => {
        const content = heldContent(sampleBytes('read damaged', 700_000));
        const blob = nameOf(newOrganization(), content);
        await store.put(blob, content);
        await subject.tamper(blob, damage(content.bytes));
        const { stream } = await store.get(blob);
        await expect(readAll(stream)).rejects.toMatchObject({ name: 'SyncError', code: 'blob_corrupt' });
      });

      it('may leave before the end, or before the beginning', async () => {
        const content = heldContent(sampleBytes('left early', 6 * MIB));
        const blob = nameOf(newOrganization(), content);
        await store.put(blob, content);
        const unread = await store.get(blob);
        unread.stream.destroy();
        const { stream } = await store.get(blob);
        for await (const chunk of stream) {
          expect((chunk as Uint8Array).byteLength).toBeGreaterThan(0);
          break;
        }
        expect(stream.destroyed).toBe(true);
        await expectWhole(blob, content.bytes);
      });
    });

    describe('absent blobs', () => {
      const absent = (): string => blobName(newOrganization(), sha256Of(Buffer.from('absent')));

      it('are blob_missing to get, null to stat, false to delete', async () => {
        await expect(store.get(absent())).rejects.toMatchObject({ code: 'blob_missing' });
        expect(await store.stat(absent())).toBeNull();
        expect(await store.delete(absent())).toBe(false);
      });

      it('are what a deleted blob is', async () => {
        const content = heldContent(sampleBytes('deleted', 1_000));
        const blob = nameOf(newOrganization(), content);
        await store.put(blob, content);
        expect(await store.delete(blob)).toBe(true);
        await expectNothing(blob);
        expect(await store.delete(blob)).toBe(false);
      });
    });

    describe('list', () => {
      async function fill(organization: string, count: number): Promise<BlobInfo[]> {
        const contents = Array.from({ length: count }, (_, i) => heldContent(sampleBytes(`${organization} ${i}`, i)));
        await Promise.all(contents.map((content) => store.put(nameOf(organization, content), content)));
        return inByteOrder(contents.map((content) => ({ name: nameOf(organization, content), size: content.size })));
      }

      it.each([1, 7, 25, 1000])('gives every name once in byte order, in pages of %i', async (pageSize) => {
        const organization = newOrganization();
        const expected = await fill(organization, 25);
        const pages = await Array.fromAsync(store.list(`${organization}/`, { pageSize }));
        expect(pages.flat()).toEqual(expected);
        expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(pageSize);
      });

      it('orders organisations by bytes too, across pages', async () => {
        const base = newOrganization();
        const organizations = [base, `${base}-a`, `${base}_a`, `${base}a`, `${base}A`, `${base}0`];
        const expected = (await Promise.all(organizations.map((organization) => fill(organization, 3)))).flat();
        expect(await allOf(base, 2)).toEqual(inByteOrder(expected));
      });

      it('takes any beginning of a name as prefix', async () => {
        const organization = newOrganization();
        const expected = await fill(organization, 25);
        const { name: some } = expected[12]!;
        for (const length of [organization.length + 1, organization.length + 2, organization.length + 4, some.length]) {
          const prefix = some.slice(0, length);
          expect(await allOf(prefix)).toEqual(expected.filter((info) => info.name.startsWith(prefix)));
        }
        expect(await allOf(`${some}0`)).toEqual([]);
        expect((await allOf('')).filter((info) => info.name.startsWith(`${organization}/`))).toEqual(expected);
      });

      it('gives nothing for an organisation without blobs', async () => {
        expect(await allOf(`${newOrganization()}/`)).toEqual([]);
      });
    });

    describe('names', () => {
      it.each([
        '../evil',
        `../${'0'.repeat(64)}`,
        `org/${'0'.repeat(63)}`,
        `org/${'A'.repeat(64)}`,
        `a/b/${'0'.repeat(64)}`,
        '',
        `org/${'0'.repeat(64)}\n`,
      ])('of another shape are refused: %j', async (bad) => {
        const content = heldContent(Buffer.from('x'));
        await expect(async () => store.put(bad, content)).rejects.toThrow(TypeError);
        await expect(async () => store.get(bad)).rejects.toThrow(TypeError);
        await expect(async () => store.stat(bad)).rejects.toThrow(TypeError);
        await expect(async () => store.delete(bad)).rejects.toThrow(TypeError);
        expect(content.opened()).toBe(0);
      });
    });

    describe('an aborted signal', () => {
      const cancelled = { name: 'SyncError', code: 'cancelled' };

      it('stops every call before it begins', async () => {
        const signal = AbortSignal.abort();
        const content = heldContent(sampleBytes('not begun', 100));
        const blob = nameOf(newOrganization(), content);
        await expect(store.put(blob, content, signal)).rejects.toMatchObject(cancelled);
        await expectNothing(blob);
        await store.put(blob, content);
        await expect(store.prepare(signal)).rejects.toMatchObject(cancelled);
        await expect(store.get(blob, signal)).rejects.toMatchObject(cancelled);
        await expect(store.stat(blob, signal)).rejects.toMatchObject(cancelled);
        await expect(store.delete(blob, signal)).rejects.toMatchObject(cancelled);
        await expect(Array.fromAsync(store.list('', { signal }))).rejects.toMatchObject(cancelled);
        await expectWhole(blob, content.bytes);
      });

      it.each([
        ['small', 100_000],
        ['large', LARGE],
      ])('stops a put of %s content that waits for its source, and leaves nothing behind', async (_, size) => {
        const controller = new AbortController();
        const content = gatedContent(sampleBytes(`aborted ${size}`, size));
        const blob = nameOf(newOrganization(), content);
        const put = store.put(blob, content, controller.signal);
        await content.reached;
        // Later than `reached`, so that the store really waits.
        setImmediate(() => controller.abort());
        await expect(put).rejects.toMatchObject(cancelled);
        await expectNothing(blob);
        content.release();
      });

      it('ends a stream that is being read', async () => {
        const controller = new AbortController();
        const content = heldContent(sampleBytes('read and aborted', 8 * MIB));
        const blob = nameOf(newOrganization(), content);
        await store.put(blob, content);
        const { stream } = await store.get(blob, controller.signal);
        stream.once('data', () => controller.abort());
        await expect(readAll(stream)).rejects.toMatchObject(cancelled);
      });

      it('ends a listing between pages', async () => {
        const organization = newOrganization();
        for (const text of ['one', 'two', 'three']) {
          const content = heldContent(Buffer.from(text));
          await store.put(nameOf(organization, content), content);
        }
        const controller = new AbortController();
        const list = async (): Promise<void> => {
          for await (const page of store.list(organization, { pageSize: 1, signal: controller.signal })) {
            expect(page.length).toBe(1);
            controller.abort();
          }
        };
        await expect(list()).rejects.toMatchObject(cancelled);
      });
    });

    it('opens a stream anew at each put, so that a put can be repeated', async () => {
      const content: BlobContent = streamedContent(sampleBytes('again', 50_000));
      const blob = nameOf(newOrganization(), content);
      const broken: BlobContent = {
        ...content,
        open: () => Readable.from([Buffer.from('begin'), Promise.reject(new SyncError('file_unreadable'))]),
      };
      await expect(store.put(blob, broken)).rejects.toMatchObject({ code: 'file_unreadable' });
      expect(await store.put(blob, content)).toBe('created');
    });
  });
}

function inByteOrder(infos: readonly BlobInfo[]): BlobInfo[] {
  return infos.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}
