import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fault, type OpenAiStandIn, startOpenAi } from '../../simulators/openai/server.ts';
import type { SearchIndex } from '../../src/ports/search-index.ts';
import { createOpenAiSearchIndex } from '../../src/stores/search/openai.ts';
import { describeSearchIndex } from '../contract/search-index.ts';
import { documentsFound, entryOf, longText, newPlace } from '../support/search-samples.ts';
import { until } from '../support/until.ts';

const apiKey = 'sk-sample';

describeSearchIndex('openai', async () => {
  const service = await startOpenAi({ apiKey, indexingMs: 5, deletionMs: 50 });
  const open = () => createOpenAiSearchIndex({ apiKey, endpoint: service.url, pollMs: 3 });
  return { index: open(), another: async () => open(), close: () => service.stop() };
});

describe('openai', () => {
  let service: OpenAiStandIn;
  let index: SearchIndex;

  beforeEach(async () => {
    service = await startOpenAi({ apiKey });
    index = createOpenAiSearchIndex({ apiKey, endpoint: service.url, pollMs: 2, leftOverMs: -1_000 });
  });
  afterEach(async () => {
    await index.close();
    await service.stop();
  });

  /** The fault for the nth request of the kind; from then on none. */
  function at(nth: number, method: string, path: RegExp, fault: Fault): void {
    let seen = 0;
    service.plan = (request) => {
      if (request.method !== method || !path.test(request.path)) return null;
      return ++seen === nth ? fault : null;
    };
  }

  it('speaks to Azure in both of its ways', async () => {
    const place = newPlace();
    const documentUuid = randomUUID();
    const older = createOpenAiSearchIndex({
      apiKey,
      endpoint: service.origin,
      apiVersion: '2024-05-01-preview',
      pollMs: 2,
    });
    const newer = createOpenAiSearchIndex({ apiKey, endpoint: `${service.origin}/openai/v1`, pollMs: 2 });
    expect(await older.put(entryOf(place, documentUuid, 'ulna'))).toBe('created');
    expect(await newer.put(entryOf(place, documentUuid, 'ulna'))).toBe('unchanged');
    expect(await documentsFound(newer, place, 'ulna')).toEqual([documentUuid]);
  });

  it.each<[string, Fault]>([
    ['429', { kind: 'answer', status: 429, headers: { 'retry-after-ms': '5' } }],
    ['500', { kind: 'answer', status: 500, headers: { 'retry-after-ms': '5' } }],
    ['a lost answer', { kind: 'lose-answer' }],
  ])('goes on after %s at any step', async (_, fault) => {
    for (const [method, path] of [
      ['POST', /^\/files$/],
      ['POST', /\/files$/],
      ['GET', /\/files\/file-/],
      ['POST', /\/files\/file-/],
      ['DELETE', /\/vector_stores\/.*\/files\//],
      ['DELETE', /^\/files\//],
    ] as const) {
      const place = newPlace();
      const documentUuid = randomUUID();
      await index.put(entryOf(place, documentUuid, longText('former', 2)));
      at(1, method, path, fault);
      expect(await index.put(entryOf(place, documentUuid, longText('latter', 2)))).toBe('replaced');
      expect(await documentsFound(index, place, 'latter')).toEqual([documentUuid]);
      expect(await documentsFound(index, place, 'former')).toEqual([]);
    }
  });

  it('stopped between any two requests leaves the former or the new, and putting again goes on', async () => {
    const place = newPlace();
    const documentUuid = randomUUID();
    await index.put(entryOf(place, documentUuid, 'common former'));
    let finished = false;
    for (let requests = 1; !finished; requests++) {
      let seen = 0;
      const controller = new AbortController();
      // As a process that is killed: no request after this one is sent.
      service.plan = () => {
        if (seen++ < requests) return null;
        controller.abort();
        return { kind: 'answer', status: 400 };
      };
      const entry = entryOf(place, documentUuid, `common version${requests}`);
      finished = await index.put(entry, controller.signal).then(
        () => true,
        () => false,
      );
      service.plan = () => null;
      const { passages } = await index.search({ ...place, text: 'common', limit: 10 });
      expect(passages.length).toBe(1);
      expect((await Array.fromAsync(index.list(place.organizationId, null))).map((d) => d.version)).toEqual([
        passages[0]!.version,
      ]);
    }
    await index.put(entryOf(place, documentUuid, 'common end'));
    await index.maintain();
    expect((await index.search({ ...place, text: 'common', limit: 10 })).passages.map((p) => p.text)).toEqual([
      'common end',
    ]);
    // A head and one part: nothing that was left behind stays, attached or not.
    expect(service.fileCount()).toBe(2);
  });

  it('does not show what is deleted but not yet forgotten, and takes files away, not only out of the store', async () => {
    service.deletionMs = 60_000;
    service.countsLie = true;
    const place = newPlace();
    const documentUuid = randomUUID();
    await index.put(entryOf(place, documentUuid, 'former words'));
    await index.put(entryOf(place, documentUuid, 'latter words'));
    const { passages } = await index.search({ ...place, text: 'words', limit: 10 });
    expect(passages.map((passage) => passage.text)).toEqual(['latter words']);
    expect(await index.remove(place, [documentUuid])).toEqual({ removed: 1, remaining: 0 });
    expect(await documentsFound(index, place, 'words')).toEqual([]);
    expect(service.fileCount()).toBe(0);
  });

  it('detaches a file before it deletes it', async () => {
    const place = newPlace();
    await index.put(entryOf(place, randomUUID(), 'words'));
    service.requests.length = 0;
    await index.remove(place, 'all');
    const deletions = service.requests.filter((request) => request.method === 'DELETE').map((request) => request.path);
    expect(deletions.map((path) => path.replace(/(file-|vs_)\w+/g, '*'))).toEqual([
      '/vector_stores/*/files/*',
      '/files/*',
      '/vector_stores/*/files/*',
      '/files/*',
    ]);
  });

  it.each([
    ['unsupported_file', 'search_refused', 'skip'],
    ['invalid_file', 'search_refused', 'skip'],
    ['server_error', 'search_unavailable', 'retry'],
  ] as const)('tells %s as %s and keeps what was there', async (code, expected, action) => {
    const place = newPlace();
    const documentUuid = randomUUID();
    await index.put(entryOf(place, documentUuid, 'former words'));
    service.failIndexing = code;
    const put = index.put(entryOf(place, documentUuid, 'latter words'));
    await expect(put).rejects.toMatchObject({ code: expected, action });
    expect((await index.search({ ...place, text: 'words', limit: 10 })).passages.map((p) => p.text)).toEqual([
      'former words',
    ]);
    expect(service.fileCount()).toBe(2);
  });

  it('does not wait for ever for the indexing of a file', async () => {
    service.stuck = true;
    const impatient = createOpenAiSearchIndex({ apiKey, endpoint: service.url, pollMs: 2, indexingTimeoutMs: 300 });
    const put = impatient.put(entryOf(newPlace(), randomUUID(), 'words'));
    await expect(put).rejects.toMatchObject({ code: 'search_unavailable', action: 'retry' });
    expect(service.fileCount()).toBe(0);
  });

  it('can be cancelled while it waits', async () => {
    service.indexingMs = 60_000;
    const patient = createOpenAiSearchIndex({ apiKey, endpoint: service.url, pollMs: 2 });
    const controller = new AbortController();
    const put = patient.put(entryOf(newPlace(), randomUUID(), 'words'), controller.signal);
    await until(() => service.requests.some((request) => /\/files\/file-/.test(request.path)));
    controller.abort();
    await expect(put).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('is search_credentials with a wrong key, and says nothing of the key', async () => {
    const wrong = createOpenAiSearchIndex({ apiKey: 'sk-other', endpoint: service.url });
    const calls = [wrong.prepare(), wrong.put(entryOf(newPlace(), randomUUID(), 'x')), wrong.count('org', null)];
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'search_credentials', action: 'stop' } });
      expect(String((result as PromiseRejectedResult).reason)).not.toContain('sk-other');
    }
    expect((await wrong.health()).error).toMatchObject({ code: 'search_credentials' });
  });

  it('is search_unavailable when the service stays away, and passes on how long it wants to be left alone', async () => {
    service.plan = () => ({ kind: 'answer', status: 503, headers: { 'retry-after-ms': '1', 'retry-after': '7' } });
    const busy = { code: 'search_unavailable', action: 'retry', retryAfterMs: 7_000 };
    await expect(index.count('org', null)).rejects.toMatchObject(busy);
    const silent = createOpenAiSearchIndex({ apiKey, endpoint: 'http://127.0.0.1:1/v1', timeoutMs: 200 });
    await expect(silent.count('org', null)).rejects.toMatchObject({ code: 'search_unavailable', action: 'retry' });
  });

  it('leaves alone what is not its own', async () => {
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ name: 'of somebody else', metadata: { organization_id: 'org' } });
    const made = await fetch(`${service.url}/vector_stores`, { method: 'POST', headers, body });
    const { id } = (await made.json()) as { id: string };
    expect(await index.count('org', null)).toEqual({ documents: 0, passages: 0 });
    await index.maintain();
    expect((await fetch(`${service.url}/vector_stores/${id}`, { headers })).status).toBe(200);
  });
});
