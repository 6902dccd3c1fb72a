/** The simulator: an HTTP server on loopback that answers like the practice system does, or as its switches say. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Account, type AccountOptions, keyOf } from './accounts.ts';
import { type Answer, bodyText, Refusal, refusalAnswer, replacedAnswer, send } from './answer.ts';
import { changeBetween } from './between-pages.ts';
import type { Call } from './call.ts';
import { controlAnswer } from './control.ts';
import { type AnswerFault, defaultFaults, type Faults, takeFault } from './faults.ts';
import { Files } from './files.ts';
import { FilterError } from './filters.ts';
import { mutate } from './life.ts';
import { listAnswer } from './list-answer.ts';
import { pageNumber } from './lists.ts';
import { readBody } from './multipart.ts';
import { createRandom, type Random } from './random.ts';
import { RateLimit, type RateLimitOptions } from './rate-limit.ts';
import { readBelow, readOne, readOther } from './reads.ts';
import { type LoggedRequest, remember } from './requests.ts';
import { type Route, routeOf } from './routes.ts';
import { secondsOf } from './time.ts';
import { archive, create, perform, update } from './writes.ts';

export interface ClinikoOptions {
  /** 0: a free one. */
  readonly port?: number;
  /** One account of a few records when missing. */
  readonly accounts?: readonly AccountOptions[];
  readonly faults?: Partial<Faults>;
  readonly now?: () => Date;
  /** Per user; null: none. */
  readonly rateLimit?: RateLimitOptions | null;
  readonly logger?: (line: string) => void;
}

export interface ClinikoSimulator {
  /** Base of the API, with `/v1`. */
  readonly url: string;
  /** Origin of the door for people and tests. */
  readonly controlUrl: string;
  readonly accounts: readonly Account[];
  /** May be changed at any time. */
  readonly faults: Faults;
  readonly rateLimit: RateLimit;
  readonly requests: LoggedRequest[];
  /** Where documents are fetched from. */
  readonly files: Files;
  stop(): Promise<void>;
}

const MAX_BODY = 1024 * 1024;
const CONTACT = /^\S.* \([^\s()@]+@[^\s()@]+\)$/;

export async function startCliniko(options: ClinikoOptions = {}): Promise<ClinikoSimulator> {
  const now = options.now ?? (() => new Date());
  const faults: Faults = { ...defaultFaults(), ...options.faults };
  const accounts = (options.accounts ?? [{}]).map((one, i) => new Account(one, i + 1, now, faults));
  const rateLimit = new RateLimit(
    options.rateLimit === undefined ? { requests: 200, windowSeconds: 60 } : options.rateLimit,
  );
  const files = new Files(faults, now);
  const requests: LoggedRequest[] = [];
  const service = new Service({ now, faults, accounts, rateLimit, files, requests, logger: options.logger ?? null });
  const server = createServer((request, response) => {
    service.handle(request, response).catch((error: unknown) => {
      options.logger?.(`The simulator failed: ${error instanceof Error ? error.stack : String(error)}`);
      response.destroy();
    });
  });
  await files.start();
  try {
    await listen(server, options.port ?? 0);
  } catch (error) {
    await files.stop();
    throw error;
  }
  const controlUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  service.url = `${controlUrl}/v1`;
  return {
    url: service.url,
    controlUrl,
    accounts,
    faults,
    rateLimit,
    requests,
    files,
    stop: async () => {
      service.stopping.abort();
      server.closeAllConnections();
      await Promise.all([files.stop(), new Promise((resolve) => server.close(resolve))]);
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}

interface ServiceOptions {
  readonly now: () => Date;
  readonly faults: Faults;
  readonly accounts: readonly Account[];
  readonly rateLimit: RateLimit;
  readonly files: Files;
  readonly requests: LoggedRequest[];
  readonly logger: ((line: string) => void) | null;
}

class Service {
  url = '';
  readonly stopping = new AbortController();
  readonly #options: ServiceOptions;
  readonly #random: { failures: Random; life: Random };
  #count = 0;
  #lists = 0;

  constructor(options: ServiceOptions) {
    this.#options = options;
    const random = createRandom(options.faults.randomSeed);
    this.#random = { failures: random.fork('failures'), life: random.fork('life') };
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { faults, logger, now, requests } = this.#options;
    const method = request.method ?? 'GET';
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const control = url.pathname.startsWith('/_control/');
    const entry: LoggedRequest = { method, path: url.pathname, query: url.search.slice(1), status: 0, account: null };
    if (!control) remember(requests, entry);
    let answer: Answer;
    let fault: AnswerFault | null = null;
    try {
      const body = await jsonBody(request);
      if (control) {
        answer = controlAnswer({ ...this.#options, random: this.#random.life }, method, url.pathname, body);
      } else {
        if (faults.latencyMs > 0) await delay(faults.latencyMs, undefined, { signal: this.stopping.signal });
        const call = this.#admit(request, url, method, body, entry);
        const route = routeOf(call.segments, call.query, call.view.world, faults);
        const isList = route.kind === 'list' && method === 'GET';
        const resource = route.kind === 'other' ? (call.segments[0] ?? '') : route.resource.name;
        const names = [resource, call.segments.join('/')];
        fault = takeFault(faults, names, isList ? pageNumber(call.query) : null);
        answer = this.#answer(call, route, fault);
        if (isList) this.#liveOn(call);
        if (isList) changeBetween(call, route.resource, route.scope, faults);
      }
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      answer = this.#refused(error, control);
    }
    const text = bodyText(answer, faults);
    const sent = new Date(now().getTime() + faults.clockSkewSeconds * 1000);
    entry.status = answer.status;
    logger?.(`${method} ${url.pathname} ${answer.status}`);
    send(response, answer, text, control ? null : (fault?.kind ?? null), sent);
  }

  /** Who asks, and may they ask now? */
  #admit(
    request: IncomingMessage,
    url: URL,
    method: string,
    body: Record<string, unknown>,
    entry: LoggedRequest,
  ): Call {
    const { accounts, faults, files, now, rateLimit } = this.#options;
    if (faults.requireUserAgent && !CONTACT.test(request.headers['user-agent'] ?? '')) {
      throw new Refusal(403, 'User-Agent with name and e-mail required');
    }
    const key = faults.keyRevoked ? null : keyOf(request.headers.authorization);
    const account = key === null ? undefined : accounts.find((one) => one.userOf(key) !== null);
    if (!account) throw new Refusal(401, 'Unauthorized');
    const userId = account.userOf(key!)!;
    entry.account = account.name;
    if (!rateLimit.take(`${account.id}/${userId}`, secondsOf(now()))) throw new Refusal(429, 'Too many requests');
    if (this.#random.failures.chance(faults.random429)) throw new Refusal(429, 'Too many requests');
    if (this.#random.failures.chance(faults.random500)) throw new Refusal(500, 'Something went wrong.');
    if (!url.pathname.startsWith('/v1/')) throw new Refusal(404, 'Not found');
    const segments = url.pathname.slice('/v1/'.length).split('/');
    const view = { world: account.world, url: this.url, faults };
    return { method, segments, query: url.searchParams, body, account, userId, view, files };
  }

  #answer(call: Call, route: Route, fault: AnswerFault | null): Answer {
    if (fault?.kind === 'status429') throw new Refusal(429, 'Too many requests');
    const replaced = fault ? replacedAnswer(fault.kind) : null;
    if (replaced) return replaced;
    const { method } = call;
    const changes = method === 'PATCH' || method === 'PUT';
    switch (route.kind) {
      case 'list':
        if (method === 'GET') return listAnswer(call, route.resource, route.scope, fault);
        if (method === 'POST' && call.segments.length === 1) return create(call, route.resource);
        break;
      case 'one':
        if (method === 'GET') return readOne(call, route.resource, route.id);
        if (method === 'DELETE') return archive(call, route.resource, route.id);
        if (changes) return update(call, route.resource, route.id);
        break;
      case 'deed':
        if (method === 'GET') return readBelow(call, route.resource, route.id, route.deed);
        return perform(call, route.resource, route.id, route.deed);
      case 'other':
        if (method === 'GET') return readOther(call);
    }
    throw new Refusal(404, 'Not found');
  }

  #liveOn(call: Call): void {
    const { mutateWhilePaging } = this.#options.faults;
    if (!mutateWhilePaging || ++this.#lists % mutateWhilePaging.every !== 0) return;
    mutate(call.view.world, this.#random.life, mutateWhilePaging.steps);
  }

  #refused(error: unknown, control: boolean): Answer {
    const { faults, now, rateLimit } = this.#options;
    const refusal = error instanceof FilterError ? new Refusal(error.status, error.message) : error;
    if (!(refusal instanceof Refusal)) throw error;
    if (control) return { status: refusal.status, json: { message: refusal.message } };
    const answer = refusalAnswer(refusal.status, refusal.message, faults, this.#count++);
    if (refusal.status !== 429) return answer;
    return {
      ...answer,
      headers: { ...answer.headers, ...rateLimit.headers(secondsOf(now()), faults.rateLimitHeader) },
    };
  }
}

/** @throws Refusal for a body that is no object */
async function jsonBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const bytes = await readBody(request, MAX_BODY).catch(() => {
    throw new Refusal(413, 'Too long');
  });
  if (bytes.length === 0) return {};
  try {
    const body: unknown = JSON.parse(bytes.toString());
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {
    // The same answer as for any other body that is no object.
  }
  throw new Refusal(400, 'The body is not a JSON object');
}
