import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connect } from '@lancedb/lancedb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startOpenAi } from '../../simulators/openai/server.ts';
import { SyncError } from '../../src/domain/errors.ts';
import type { SearchIndex, SearchPlace } from '../../src/ports/search-index.ts';
import { createEmbeddings } from '../../src/stores/search/embeddings.ts';
import { createLanceSearchIndex } from '../../src/stores/search/lancedb.ts';
import { passagesName } from '../../src/stores/search/lancedb-names.ts';
import { describeSearchIndex } from '../contract/search-index.ts';
import { documentsFound, entryOf, findAll, longText, newPlace } from '../support/search-samples.ts';

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'search-'));
const removeFolder = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });

describeSearchIndex('lancedb', async () => {
  const folder = await newFolder();
  return {
    index: createLanceSearchIndex({ folder }),
    another: async () => createLanceSearchIndex({ folder }),
    close: () => removeFolder(folder),
  };
});

describeSearchIndex('lancedb with embeddings', async () => {
  const folder = await newFolder();
  const service = await startOpenAi({ apiKey: 'sk-sample' });
  // Words alone: what is alike only by its meaning is tested below.
  const settings = { endpoint: service.url, apiKey: 'sk-sample', model: 'sample', dimensions: 16 };
  const embeddings = { ...createEmbeddings(settings), ofQuestion: refuse };
  return {
    index: createLanceSearchIndex({ folder, embeddings }),
    another: async () => createLanceSearchIndex({ folder, embeddings }),
    async close() {
      await service.stop();
      await removeFolder(folder);
    },
  };
});

async function refuse(): Promise<never> {
  throw new SyncError('embeddings_unavailable');
}

describe('lancedb', () => {
  let folder: string;
  let index: SearchIndex;
  const children = new Set<ChildProcess>();

  beforeEach(async () => {
    folder = await newFolder();
    index = createLanceSearchIndex({ folder });
    await index.prepare();
  });
  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    await index.close();
    await removeFolder(folder);
  });

  function startWriter(place: SearchPlace, documents: readonly string[], rounds: number, prefix = 'round') {
    const file = fileURLToPath(new URL('../support/search-process.ts', import.meta.url));
    const args = [file, folder, JSON.stringify(place), documents.join(','), String(rounds), prefix];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(child);
    const ended = once(child, 'exit').then(([code]) => {
      children.delete(child);
      return code as number | null;
    });
    return { child, ended, lines: createInterface({ input: child.stdout }) };
  }

  it('writes those that may wait by one commit, and not one that nobody wants any more', async () => {
    const place = newPlace();
    await index.put(entryOf(place, randomUUID(), 'Tendinitis, the first.'));
    const table = await (await connect(folder)).openTable(passagesName(place.organizationId, 'g1'));
    const before = await table.version();
    const [first, second, given] = [randomUUID(), randomUUID(), randomUUID()];
    const back = new AbortController();
    const waiting = [first, second].map((id) => index.put(entryOf(place, id, 'Tendinitis again.'), undefined, 2000));
    const givenBack = index.put(entryOf(place, given, 'Tendinitis of somebody else.'), back.signal, 2000);
    back.abort(new SyncError('cancelled'));
    await expect(givenBack).rejects.toMatchObject({ code: 'cancelled' });
    expect(await Promise.all(waiting)).toEqual(['created', 'created']);
    await table.checkoutLatest();
    expect((await table.version()) - before).toBe(1);
    expect(await documentsFound(index, place, 'tendinitis')).toHaveLength(3);
  });

  it('killed at any moment leaves every document whole, and putting again goes on', async () => {
    const place = newPlace();
    const documents = Array.from({ length: 3 }, () => randomUUID());
    for (let life = 0; life < 4; life++) {
      const { child, ended, lines } = startWriter(place, documents, 1000, `life${life}x`);
      let done = 0;
      const acknowledged = new Map<string, number>();
      for await (const line of lines) {
        const [documentUuid, round] = line.split(' ');
        if (round !== undefined) acknowledged.set(documentUuid!, Number(round));
        // Another moment in each life, also in the middle of the next put.
        if (++done > 2 + life * 2) setTimeout(() => child.kill('SIGKILL'), life * 7);
      }
      await ended;
      const found = await findAll(index, place, 'common');
      const listed = new Map(
        (await Array.fromAsync(index.list(place.organizationId, null))).map((d) => [d.documentUuid, d]),
      );
      for (const [documentUuid, round] of acknowledged) {
        const passages = found.filter((passage) => passage.documentUuid === documentUuid);
        expect(passages.length).toBe(listed.get(documentUuid)!.passages);
        const rounds = new Set(passages.map((passage) => Number(/life\d+x(\d+)/.exec(passage.text)![1])));
        expect(rounds.size).toBe(1);
        // What was acknowledged, or the put that the kill interrupted.
        expect([...rounds][0]! - round).toBeLessThanOrEqual(1);
        expect([...rounds][0]! - round).toBeGreaterThanOrEqual(0);
      }
    }
    for (const documentUuid of documents) await index.put(entryOf(place, documentUuid, 'common end'));
    await index.maintain();
    expect((await findAll(index, place, 'common')).map((passage) => passage.text)).toEqual(Array(3).fill('common end'));
    expect(await index.count(place.organizationId, null)).toEqual({ documents: 3, passages: 3 });
    // Nothing of what was replaced is kept, seen or not.
    const connection = await connect(folder);
    const [name] = (await connection.tableNames()).filter((table) => table.includes('.1'));
    expect(await (await connection.openTable(name!)).countRows()).toBe(6);
  });

  it('lets three processes write at once, while it is maintained and searched', async () => {
    const place = newPlace();
    const shared = randomUUID();
    const writers = ['one', 'two', 'three'].map((prefix) => {
      const own = randomUUID();
      return { own, prefix, ...startWriter(place, [own, shared], 8, prefix) };
    });
    let ended = false;
    const ending = Promise.all(writers.map((writer) => writer.ended)).finally(() => {
      ended = true;
    });
    while (!ended) {
      await index.maintain();
      for (const { documentUuid, version } of await findAll(index, place, 'common')) {
        expect(version).toMatch(/^[0-9a-f]{64}$/);
        expect([shared, ...writers.map((writer) => writer.own)]).toContain(documentUuid);
      }
    }
    expect(await ending).toEqual([0, 0, 0]);
    for (const { own, prefix } of writers) {
      expect(await documentsFound(index, place, `${prefix}7`)).toContain(own);
      expect(await documentsFound(index, place, `${prefix}6`)).not.toContain(own);
    }
    const versions = new Set(
      (await findAll(index, place, 'common')).filter((p) => p.documentUuid === shared).map((p) => p.version),
    );
    expect(versions.size).toBe(1);
  });

  it('rebuilds while another process writes', async () => {
    const place = newPlace();
    const documents = Array.from({ length: 3 }, () => randomUUID());
    const old = randomUUID();
    await index.put(entryOf(place, old, 'common old'));
    const { ended, lines } = startWriter(place, documents, 8);
    await once(lines, 'line');
    const rebuild = await index.beginRebuild(place.organizationId, null);
    for (const documentUuid of documents) await rebuild.put(entryOf(place, documentUuid, 'common rebuilt'));
    await rebuild.finish();
    expect(await ended).toBe(0);
    expect((await documentsFound(index, place, 'round7')).sort()).toEqual([...documents].sort());
    expect(await documentsFound(index, place, 'rebuilt old')).toEqual([]);
    expect((await index.count(place.organizationId, null)).documents).toBe(3);
  });

  it('drops the tables of ended rebuilds', async () => {
    const eager = createLanceSearchIndex({ folder, keepMs: 0 });
    const place = newPlace();
    for (let i = 0; i < 3; i++) {
      await eager.put(entryOf(place, randomUUID(), 'Some text.'));
      const rebuild = await eager.beginRebuild(place.organizationId, null);
      await (i === 1 ? rebuild.abandon() : rebuild.finish());
    }
    await eager.maintain();
    expect((await readdir(folder)).filter((name) => name.endsWith('.lance'))).toHaveLength(2);
    expect(await eager.count(place.organizationId, null)).toEqual({ documents: 0, passages: 0 });
    await eager.close();
  });

  it('finds the new as well as the old after it was tidied up', async () => {
    const place = newPlace();
    const documents = Array.from({ length: 12 }, () => randomUUID());
    for (const [i, documentUuid] of documents.entries()) {
      await index.put(entryOf(place, documentUuid, longText(`common word${i}`, 4)));
      if (i % 4 === 3) {
        const connection = await connect(folder);
        for (const name of await connection.tableNames()) await (await connection.openTable(name)).optimize();
      }
    }
    expect((await documentsFound(index, place, 'common')).sort()).toEqual([...documents].sort());
    for (const [i, documentUuid] of documents.entries()) {
      expect(await documentsFound(index, place, `"common word${i}"`)).toEqual([documentUuid]);
    }
  });

  it('says what is wrong with its folder', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const broken = createLanceSearchIndex({ folder: join(file, 'below') });
    await expect(broken.put(entryOf(newPlace(), randomUUID(), 'x'))).rejects.toMatchObject({
      code: 'search_unavailable',
    });
    expect((await broken.health()).error).toMatchObject({ code: 'search_unavailable', action: 'retry' });
    await broken.close();
  });

  it('does not take a folder that is away for an index that has nothing', async () => {
    const home = await mkdtemp(join(folder, 'mounted-'));
    const place = newPlace();
    const uuid = randomUUID();
    const first = createLanceSearchIndex({ folder: home });
    await first.put(entryOf(place, uuid, 'x'));
    await first.close();
    const index = createLanceSearchIndex({ folder: home });
    await index.prepare();
    await rename(home, `${home}-away`);
    await mkdir(home);
    await expect(index.remove(place, [uuid])).rejects.toMatchObject({ code: 'search_unavailable' });
    await expect(index.count(place.organizationId, null)).rejects.toMatchObject({ code: 'search_unavailable' });
    await rm(home, { recursive: true });
    await rename(`${home}-away`, home);
    expect(await index.remove(place, [uuid])).toEqual({ removed: 1, remaining: 0 });
    await index.close();
  });

  describe('with embeddings', () => {
    let service: Awaited<ReturnType<typeof startOpenAi>>;
    let hybrid: SearchIndex;
    const open = (dimensions: number, model = 'sample', questionTimeoutMs = 60_000): SearchIndex =>
      createLanceSearchIndex({
        folder,
        embeddings: createEmbeddings({
          endpoint: service.url,
          apiKey: 'sk-sample',
          model,
          dimensions,
          retryDelayMs: 1,
          questionTimeoutMs,
        }),
      });

    beforeEach(async () => {
      service = await startOpenAi({ apiKey: 'sk-sample' });
      hybrid = open(64);
      await hybrid.prepare();
    });
    afterEach(async () => {
      await hybrid.close();
      await service.stop();
    });

    it('finds by meaning what no word finds, of this patient only', async () => {
      const place = newPlace();
      const neighbour = { ...place, patientUuid: randomUUID() };
      const [near, far] = [randomUUID(), randomUUID()];
      await hybrid.put(entryOf(place, near, 'knee'));
      await hybrid.put(entryOf(place, far, 'unrelated elsewhere'));
      await hybrid.put(entryOf(neighbour, randomUUID(), 'knee'));
      const { passages, byMeaning } = await hybrid.search({ ...place, text: 'knee', limit: 10 });
      expect(byMeaning).toBe(true);
      expect(passages.map((passage) => passage.documentUuid)).toEqual([near, far]);
      expect(passages[1]!.highlights).toEqual([]);
    });

    it('compares words when the endpoint does not answer a question, and says so', async () => {
      const place = newPlace();
      const documentUuid = randomUUID();
      await hybrid.put(entryOf(place, documentUuid, 'knee'));
      const impatient = open(64, 'sample', 500);
      for (const fault of [{ kind: 'silence' }, { kind: 'answer', status: 503 }] as const) {
        service.plan = () => fault;
        const { passages, byMeaning } = await impatient.search({ ...place, text: 'knee', limit: 10 });
        expect(byMeaning).toBe(false);
        expect(passages.map((passage) => passage.documentUuid)).toEqual([documentUuid]);
      }
      await impatient.close();
    });

    it('does not index without vectors while the endpoint is away', async () => {
      const place = newPlace();
      service.plan = () => ({ kind: 'answer', status: 500 });
      const put = hybrid.put(entryOf(place, randomUUID(), 'knee'));
      await expect(put).rejects.toMatchObject({ code: 'embeddings_unavailable', action: 'retry' });
      expect(await hybrid.count(place.organizationId, null)).toEqual({ documents: 0, passages: 0 });
    });

    it('names what was indexed with another model, and renews it when it is put again', async () => {
      const place = newPlace();
      const documentUuid = randomUUID();
      const entry = entryOf(place, documentUuid, 'knee');
      await index.put(entry);
      for (const other of [hybrid, open(32), open(32, 'other')]) {
        const list = () => Array.fromAsync(other.list(place.organizationId, null));
        expect((await list()).map((document) => document.current)).toEqual([false]);
        expect(await documentsFound(other, place, 'knee')).toEqual([documentUuid]);
        expect(await other.put(entry)).toBe('replaced');
        expect(await other.put(entry)).toBe('unchanged');
        expect((await list()).map((document) => document.current)).toEqual([true]);
        expect((await other.search({ ...place, text: 'elsewhere', limit: 5 })).passages.length).toBe(1);
        if (other !== hybrid) await other.close();
      }
    });
  });
});
