import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEmbeddings, type Embeddings } from './embeddings.ts';

interface Asked {
  readonly input: string[];
  readonly dimensions: number;
  readonly model: string;
}

describe('embeddings', () => {
  let answer: (asked: Asked, response: ServerResponse, nth: number) => void;
  let requests: Asked[];
  let stop: () => Promise<void>;
  let settings: Parameters<typeof createEmbeddings>[0];
  let embeddings: Embeddings;

  beforeEach(async () => {
    requests = [];
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const asked = JSON.parse(Buffer.concat(chunks).toString()) as Asked;
      requests.push(asked);
      answer(asked, response, requests.length);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    stop = async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    };
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`;
    settings = { endpoint, apiKey: 'secret', model: 'm', dimensions: 2, retryDelayMs: 1 };
    embeddings = createEmbeddings(settings);
    answer = (asked, response) =>
      give(
        response,
        asked.input.map((text, index) => ({ index, embedding: [text.length, 1] })),
      );
  });
  afterEach(() => stop());

  function give(response: ServerResponse, data: unknown): void {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ data }));
  }

  it('come in the order of the texts, from as few requests as may be', async () => {
    answer = (asked, response) =>
      give(response, asked.input.map((text, index) => ({ index, embedding: [text.length, 1] })).reverse());
    const texts = Array.from({ length: 150 }, (_, i) => 'x'.repeat(i + 1));
    expect(await embeddings.of(texts)).toEqual(texts.map((text) => [text.length, 1]));
    expect(requests.map((asked) => asked.input.length)).toEqual([64, 64, 22]);
    expect(requests[0]).toMatchObject({ model: 'm', dimensions: 2 });
    expect(await embeddings.of([])).toEqual([]);
  });

  it('go nowhere else, whatever the endpoint says', async () => {
    answer = (_, response) => response.writeHead(307, { location: `${settings.endpoint}elsewhere` }).end();
    await expect(embeddings.of(['x'])).rejects.toMatchObject({ code: 'embeddings_mismatch' });
    expect(requests).toHaveLength(1);
  });

  it.each([500, 503, 429, 408])('are asked for again after %i', async (status) => {
    const good = answer;
    answer = (asked, response, nth) => (nth < 3 ? response.writeHead(status).end() : good(asked, response, nth));
    expect(await embeddings.of(['x'])).toEqual([[1, 1]]);
    expect(requests.length).toBe(3);
  });

  it('are unavailable after four tries, or when the endpoint is silent', async () => {
    answer = (_, response) => response.writeHead(500).end();
    await expect(embeddings.of(['x'])).rejects.toMatchObject({ code: 'embeddings_unavailable', action: 'retry' });
    expect(requests.length).toBe(4);
    answer = () => {};
    const impatient = createEmbeddings({ ...settings, timeoutMs: 300 });
    await expect(impatient.of(['x'])).rejects.toMatchObject({ code: 'embeddings_unavailable' });
    await expect(embeddings.ofQuestion('x', AbortSignal.timeout(20))).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('pass on how long a busy endpoint wants to be left alone', async () => {
    answer = (_, response) => response.writeHead(429, { 'retry-after': '90' }).end();
    await expect(embeddings.of(['x'])).rejects.toMatchObject({ code: 'embeddings_unavailable', retryAfterMs: 90_000 });
    expect(requests.length).toBe(1);
  });

  it.each([400, 401, 403, 404])('are a matter of the settings when the answer is %i', async (status) => {
    answer = (_, response) => response.writeHead(status).end('secret');
    const refused = { code: 'embeddings_mismatch', action: 'stop', detail: `HTTP status ${status}.` };
    await expect(embeddings.check()).rejects.toMatchObject(refused);
    expect(requests.length).toBe(1);
  });

  it.each<[string, unknown]>([
    ['too many dimensions', [{ index: 0, embedding: [1, 2, 3] }]],
    ['no vector', []],
    [
      'two for one text',
      [
        { index: 0, embedding: [1, 2] },
        { index: 1, embedding: [1, 2] },
      ],
    ],
    ['no numbers', [{ index: 0, embedding: ['1', null] }]],
    ['nothing of the kind', 'nonsense'],
    ['null', null],
  ])('are refused when the answer has %s', async (_, data) => {
    answer = (__, response) => give(response, data);
    await expect(embeddings.of(['x'])).rejects.toMatchObject({ code: 'embeddings_mismatch' });
  });
});
