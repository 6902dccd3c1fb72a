/** Vectors of texts, from an endpoint that speaks as OpenAI's `POST /embeddings` does. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SyncError } from '../../domain/errors.ts';
import { throwIfCancelled, unlessCancelled } from './cancelled.ts';
import { wantedPause } from './wanted-pause.ts';

export interface EmbeddingsOptions {
  /** Ends before `/embeddings`, such as `https://api.openai.com/v1`. */
  readonly endpoint: string;
  /** Secret. Null for an endpoint of one's own that wants none. */
  readonly apiKey: string | null;
  readonly model: string;
  readonly dimensions: number;
  /** For one request. Default 30,000. */
  readonly timeoutMs?: number;
  /** For a question, which somebody waits for. Default 2,000. */
  readonly questionTimeoutMs?: number;
  /** Pause before the second try; doubled for each further one. Default 500. */
  readonly retryDelayMs?: number;
}

export interface Embeddings {
  readonly model: string;
  readonly dimensions: number;
  /** In the order of the texts. @throws SyncError `embeddings_unavailable`, `embeddings_mismatch` */
  of(texts: readonly string[], signal?: AbortSignal): Promise<readonly (readonly number[])[]>;
  /** As `of`, tried once and not for long. */
  ofQuestion(text: string, signal?: AbortSignal): Promise<readonly (readonly number[])[]>;
  check(signal?: AbortSignal): Promise<void>;
}

const TEXTS_AT_ONCE = 64;
const TRIES = 4;
const LONGEST_PAUSE_MS = 20_000;
/** Refused because of what was asked, not because of the moment. */
const PASSING = new Set([408, 409, 425, 429]);

export function createEmbeddings(options: EmbeddingsOptions): Embeddings {
  const { model, dimensions, timeoutMs = 30_000, questionTimeoutMs = 2_000, retryDelayMs = 500 } = options;
  const url = `${options.endpoint.replace(/\/+$/, '')}/embeddings`;

  async function request(input: readonly string[], limitMs: number, signal?: AbortSignal): Promise<number[][]> {
    const limit = AbortSignal.timeout(limitMs);
    let answer: Response;
    let body: unknown;
    try {
      answer = await fetch(url, {
        method: 'POST',
        // Key and texts are for this address only.
        redirect: 'manual',
        headers: {
          'content-type': 'application/json',
          ...(options.apiKey === null ? {} : { authorization: `Bearer ${options.apiKey}`, 'api-key': options.apiKey }),
        },
        body: JSON.stringify({ model, input, dimensions, encoding_format: 'float' }),
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      body = answer.ok ? await answer.json() : await answer.body?.cancel();
    } catch (error) {
      throwIfCancelled(signal);
      throw new SyncError('embeddings_unavailable', { cause: error });
    }
    if (!answer.ok) throw refusal(answer);
    return vectorsOf(body, input.length);
  }

  function refusal(answer: Response): SyncError {
    const detail = `HTTP status ${answer.status}.`;
    if (answer.status < 500 && !PASSING.has(answer.status)) return new SyncError('embeddings_mismatch', { detail });
    return new SyncError('embeddings_unavailable', { detail, ...wantedPause(answer.headers) });
  }

  /** Answers may come in another order than was asked. */
  function vectorsOf(body: unknown, count: number): number[][] {
    const data = (body as { data?: unknown } | null)?.data;
    const vectors: number[][] = [];
    for (const item of Array.isArray(data) ? data : []) {
      const { index, embedding } = (item ?? {}) as { index?: unknown; embedding?: unknown };
      if (!Number.isInteger(index) || !Array.isArray(embedding)) continue;
      if (embedding.length !== dimensions) {
        const detail = `${embedding.length} dimensions instead of ${dimensions}.`;
        throw new SyncError('embeddings_mismatch', { detail });
      }
      if (embedding.every(Number.isFinite)) vectors[index as number] = embedding as number[];
    }
    if (vectors.length !== count || vectors.includes(undefined as never)) {
      throw new SyncError('embeddings_mismatch', { detail: 'The answer has not one vector for each text.' });
    }
    return vectors;
  }

  async function patiently(input: readonly string[], signal?: AbortSignal): Promise<number[][]> {
    for (let tried = 1; ; tried++) {
      throwIfCancelled(signal);
      try {
        return await request(input, timeoutMs, signal);
      } catch (error) {
        const passing = error instanceof SyncError && error.code === 'embeddings_unavailable';
        if (!passing || tried === TRIES || (error.retryAfterMs ?? 0) > LONGEST_PAUSE_MS) throw error;
        const pause = retryDelayMs * 2 ** (tried - 1) * (0.75 + Math.random() / 2);
        await unlessCancelled(signal, sleep(Math.max(pause, error.retryAfterMs ?? 0)));
      }
    }
  }

  return {
    model,
    dimensions,

    async of(texts, signal) {
      const vectors: number[][] = [];
      for (let i = 0; i < texts.length; i += TEXTS_AT_ONCE) {
        vectors.push(...(await patiently(texts.slice(i, i + TEXTS_AT_ONCE), signal)));
      }
      return vectors;
    },

    ofQuestion: (text, signal) => request([text], questionTimeoutMs, signal),

    async check(signal) {
      await patiently(['Test'], signal);
    },
  };
}
