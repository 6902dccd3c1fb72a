/** Answers to tasks, from an endpoint that speaks as OpenAI's `POST /chat/completions` does. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelTask } from '../../domain/cited-answer.ts';
import { SyncError } from '../../domain/errors.ts';
import { type LanguageModel, LONGEST_MODEL_ANSWER } from '../../ports/language-model.ts';
import { throwIfCancelled, unlessCancelled } from './cancelled.ts';
import { wantedPause } from './wanted-pause.ts';

export interface LanguageModelOptions {
  /** Ends before `/chat/completions`, such as `https://api.openai.com/v1`. */
  readonly endpoint: string;
  /** Secret. Null for an endpoint of one's own that wants none. */
  readonly apiKey: string | null;
  readonly model: string;
  /** For one task: all tries, and the pauses between them. */
  readonly timeoutMs: number;
  readonly maxPassages: number;
  /** Pause before the second try. Default 500. */
  readonly retryDelayMs?: number;
}

/** Somebody waits for it. */
const TRIES = 2;
const LONGEST_PAUSE_MS = 5000;
/** Refused because of the moment, not because of what was asked. */
const PASSING = new Set([408, 409, 425, 429]);
const KEY_REFUSED = new Set([401, 403]);

export function createLanguageModel(options: LanguageModelOptions): LanguageModel {
  const { model, apiKey, timeoutMs, maxPassages, retryDelayMs = 500 } = options;
  const url = `${options.endpoint.replace(/\/+$/, '')}/chat/completions`;

  async function request(body: string, limit: AbortSignal, signal?: AbortSignal): Promise<string> {
    try {
      const answer = await fetch(url, {
        method: 'POST',
        // Key and passages are for this address only.
        redirect: 'manual',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}`, 'api-key': apiKey }),
        },
        body,
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
      if (!answer.ok) {
        await answer.body?.cancel();
        throw refusalOf(answer);
      }
      return writtenIn(await readText(answer));
    } catch (error) {
      if (error instanceof SyncError) throw error;
      throwIfCancelled(signal);
      if (!limit.aborted) throw new SyncError('language_model_unavailable', { cause: error });
      const detail = `It had ${timeoutMs} ms.`;
      throw new SyncError('language_model_timeout', { detail, cause: error });
    }
  }

  return {
    model,
    maxPassages,

    async ask({ instructions, material }: ModelTask, signal) {
      // Neither a temperature nor a form of the answer is asked for: many models and servers refuse one or the other.
      const messages = [
        { role: 'system', content: instructions },
        { role: 'user', content: material },
      ];
      const body = JSON.stringify({ model, messages, stream: false });
      const limit = AbortSignal.timeout(timeoutMs);
      const end = performance.now() + timeoutMs;
      for (let tried = 1; ; tried++) {
        throwIfCancelled(signal);
        try {
          return await request(body, limit, signal);
        } catch (error) {
          const passing = error instanceof SyncError && error.code === 'language_model_unavailable';
          if (!passing || tried === TRIES) throw error;
          const pause = Math.max(retryDelayMs, error.retryAfterMs ?? 0);
          if (pause > LONGEST_PAUSE_MS || performance.now() + pause >= end) throw error;
          await unlessCancelled(signal, sleep(pause));
        }
      }
    },
  };
}

function refusalOf({ status, headers }: Response): SyncError {
  const detail = `HTTP status ${status}.`;
  if (KEY_REFUSED.has(status)) return new SyncError('language_model_credentials', { detail });
  if (status < 500 && !PASSING.has(status)) return new SyncError('language_model_refused', { detail });
  return new SyncError('language_model_unavailable', { detail, ...wantedPause(headers) });
}

/** Not more than is allowed, whatever the headers say of its length. */
async function readText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > LONGEST_MODEL_ANSWER) {
      throw new SyncError('language_model_unreadable', { detail: `It is longer than ${LONGEST_MODEL_ANSWER} bytes.` });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function writtenIn(text: string): string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // What the parser says of it would quote it.
    throw new SyncError('language_model_unreadable', { detail: 'It is no JSON.' });
  }
  const { choices } = (body ?? {}) as { choices?: unknown };
  const [first] = (Array.isArray(choices) ? choices : []) as ({ message?: { content?: unknown } } | null)[];
  const content = first?.message?.content;
  if (typeof content !== 'string') throw new SyncError('language_model_unreadable', { detail: 'It has no message.' });
  return content;
}
