/** `ClinicSource` on the Cliniko API. */
import { createHash } from 'node:crypto';
import type { ClinicRecord, RecordStream } from '../../domain/clinic.ts';
import { SyncError } from '../../domain/errors.ts';
import type { ClinicSource, ReadQuestion } from '../../ports/clinic-source.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { OutboundLimit } from '../../ports/outbound-limit.ts';
import { changed, isObject, type Json, type ListAnswer, listOf } from './answer.ts';
import { authorizationOf, shardOf, vendorUrl } from './api-key.ts';
import { type ContentOptions, fetchContent } from './content.ts';
import { idOf, instantOf } from './fields.ts';
import { type Answer, createHttp, type RequestContext } from './http.ts';
import { recordOf } from './mapping.ts';
import { type HiddenBy, RESOURCES } from './resources.ts';
import type { ClinikoSettings } from './settings.ts';

export interface ClinikoOptions {
  readonly settings: ClinikoSettings;
  readonly streams: readonly RecordStream[];
  /** Asked at the beginning of each run, so that a new key counts without a restart. Null: none is configured. */
  readonly apiKey: () => Promise<string | null>;
  readonly version: string;
  readonly retry: { readonly attempts: number; readonly delayMs: number };
  readonly limit: OutboundLimit;
  readonly clock: Clock;
  readonly random: Random;
  readonly onRequest?: (told: { readonly status: number; readonly waitedMs: number }) => void;
  /** Where contents of attachments are kept until they are stored, and how large they may be. */
  readonly contents: Pick<ContentOptions, 'folder' | 'maxBytes' | 'contentType'>;
}

interface Question {
  readonly path: string;
  readonly hidden: readonly HiddenBy[];
  /** Its absence from the server is no fault. */
  readonly optional: boolean;
  /** No other question follows, unless it is not known yet. */
  readonly last: boolean;
}

const PER_PAGE = 100;
/** Ids in one question; keeps its URL short. */
const IDS_PER_QUESTION = 50;

interface Session {
  readonly apiKey: string;
  readonly authorization: string;
  readonly base: string;
  /** Who shares the limit: the user when it is known, until then the key. */
  limitKey: string;
}

export function createClinikoSource(options: ClinikoOptions): ClinicSource {
  const { settings, clock } = options;
  const userAgent = `Chartsync/${options.version} (${settings.contactEmail})`;
  const http = createHttp({
    userAgent,
    timeoutMs: settings.timeoutMs,
    attempts: options.retry.attempts,
    retryDelayMs: options.retry.delayMs,
    requestsPerMinute: settings.requestsPerMinute,
    limit: options.limit,
    clock,
    random: options.random,
    ...(options.onRequest === undefined ? {} : { onRequest: options.onRequest }),
  });
  const contents: ContentOptions = {
    ...options.contents,
    userAgent,
    timeoutMs: settings.timeoutMs,
    attempts: options.retry.attempts,
    retryDelayMs: options.retry.delayMs,
    hosts: settings.attachmentHosts,
    clock,
    random: options.random,
  };
  const mapping = { notes: settings.notes };
  let session: Session | null = null;
  const refused = new Map<RecordStream, Set<HiddenBy>>();
  /** Filters of which an answer has shown that they add hidden records to the others. */
  const adding = new Set<HiddenBy>();

  /** One limit for all keys of a user. */
  async function whoAmI(opened: Session, signal: AbortSignal): Promise<{ responseMs: number; user: string }> {
    const began = clock.now();
    const context = { signal, urgent: true };
    const { body } = await http.get(`${opened.base}/user`, opened.authorization, opened.limitKey, context);
    if (!isObject(body)) throw changed('The answer to "who am I" is not an object.');
    const user = idOf(body, 'user');
    opened.limitKey = `cliniko:${new URL(opened.base).host}:user:${user}`;
    return { responseMs: clock.now() - began, user };
  }

  /** @throws SyncError `credentials_missing` */
  async function open(): Promise<Session> {
    const opened = await fresh();
    if (session?.apiKey !== opened.apiKey) session = opened;
    return session;
  }

  async function fresh(): Promise<Session> {
    const apiKey = await options.apiKey();
    if (apiKey === null) throw new SyncError('credentials_missing', { detail: 'An API key of Cliniko is needed.' });
    return {
      apiKey,
      authorization: authorizationOf(apiKey),
      base: settings.baseUrl ?? vendorUrl(apiKey),
      limitKey: `cliniko:key:${createHash('sha256').update(apiKey).digest('hex').slice(0, 24)}`,
    };
  }

  const get = async (url: string, context: RequestContext): Promise<Answer> => {
    const opened = session ?? (await open());
    return http.get(url, opened.authorization, opened.limitKey, context);
  };

  /** The URL of a list's first page. */
  function urlOf(path: string, question: ReadQuestion, hidden: readonly HiddenBy[]): URL {
    const url = new URL(`${session?.base ?? ''}/${path}`);
    url.searchParams.set('per_page', String(PER_PAGE));
    const ask = (filter: string) => url.searchParams.append('q[]', filter);
    if (question.changedSince !== null) ask(`updated_at:>=${seconds(question.changedSince)}`);
    if (question.createdFrom !== null) ask(`created_at:>=${seconds(question.createdFrom)}`);
    if (question.startsFrom !== null) ask(`starts_at:>=${seconds(question.startsFrom)}`);
    for (const name of hidden) ask(`${name}:*`);
    return url;
  }

  /**
   * The questions that together show a whole list. Whether `archived_at:*` adds the archived records or shows only them is
   * not written anywhere. An answer in which a record without that date appears tells; until then, after the question with all
   * filters each kind of hidden records is asked for by itself.
   */
  function* questionsOf(stream: RecordStream): Generator<Question> {
    const { paths, hidden } = RESOURCES[stream];
    for (const [i, path] of paths.entries()) {
      const question = (names: readonly HiddenBy[], last: boolean): Question => ({
        path,
        hidden: names,
        optional: i > 0,
        last: i === paths.length - 1 && last,
      });
      if (hidden.length === 0) yield question(hidden, true);
      else yield question(hidden, false);
      if (isWhole(stream, hidden)) continue;
      // What the server refuses is known by now, and asking for it again would read the plain list once more.
      const sent = sentOf(stream, hidden);
      // With one filter the question with all of them was the question with this one.
      const unknown = sent.length === 1 ? [] : sent.filter((name) => !adding.has(name));
      yield question(
        sent.filter((name) => adding.has(name)),
        unknown.length === 0,
      );
      for (const name of unknown) yield question([name], name === unknown.at(-1));
    }
  }

  /** The filters that really stand in a question: without those that the server refused. */
  function sentOf(stream: RecordStream, hidden: readonly HiddenBy[]): readonly HiddenBy[] {
    return hidden.filter((name) => refused.get(stream)?.has(name) !== true);
  }

  /** Nothing that the server shows at all can be missing from an answer to the question with all of them. */
  function isWhole(stream: RecordStream, hidden: readonly HiddenBy[]): boolean {
    return sentOf(stream, hidden).every((name) => adding.has(name));
  }

  /** A record without that date, in an answer to a question that really had the filter: the filter adds. */
  function learn(sent: readonly HiddenBy[], records: readonly Json[]): void {
    for (const name of sent) {
      if (!adding.has(name) && records.some((record) => instantOf(record, name) === null)) adding.add(name);
    }
  }

  function hide(stream: RecordStream, name: HiddenBy): void {
    refused.set(stream, (refused.get(stream) ?? new Set<HiddenBy>()).add(name));
  }

  /** First page of a list; a filter for hidden records that the server refuses is left out and remembered. */
  async function firstPage(
    stream: RecordStream,
    path: string,
    asked: readonly HiddenBy[],
    build: (hidden: readonly HiddenBy[]) => URL,
    context: RequestContext,
  ): Promise<{ url: URL; answer: Answer }> {
    for (;;) {
      const hidden = sentOf(stream, asked);
      const url = build(hidden);
      try {
        return { url, answer: await get(url.href, context) };
      } catch (error) {
        const last = hidden.at(-1);
        const isRefusal = error instanceof SyncError && error.code === 'source_request_refused';
        if (!isRefusal || last === undefined || error.detail !== 'Status: 400.') throw withList(error, path);
        hide(stream, last);
      }
    }
  }

  async function* pagesOf(
    stream: RecordStream,
    path: string,
    hidden: readonly HiddenBy[],
    build: (hidden: readonly HiddenBy[]) => URL,
    context: RequestContext,
  ): AsyncGenerator<ListAnswer & { serverTime: number | null }> {
    const { key } = RESOURCES[stream];
    const first = await firstPage(stream, path, hidden, build, context);
    const visited = new Set<string>([first.url.href]);
    let { answer } = first;
    for (;;) {
      const page = listOf(answer.body, key, first.url);
      if (page.next !== null && visited.has(page.next)) {
        throw new SyncError('source_incomplete', { detail: `List: ${path}. It leads back to a page that was read.` });
      }
      if (page.next !== null) visited.add(page.next);
      // The next page is on its way while this one is stored.
      const next = page.next === null ? null : get(page.next, context);
      next?.catch(() => undefined);
      yield { ...page, serverTime: answer.serverTime };
      if (next === null) return;
      answer = await next.catch((error) => {
        throw withList(error, path);
      });
    }
  }

  return {
    streams: options.streams,
    async probe(signal) {
      const opened = await fresh();
      const { responseMs } = await whoAmI(opened, signal);
      return { responseMs, region: shardOf(opened.apiKey) };
    },
    async account(signal) {
      const opened = session ?? (await open());
      const { body } = await http.get(`${opened.base}/settings/public`, opened.authorization, opened.limitKey, {
        signal,
        urgent: true,
      });
      const account = isObject(body) && isObject(body.account) ? body.account : null;
      return account === null ? null : idOf(account, 'account');
    },
    async check(signal) {
      const opened = await open();
      const { responseMs, user } = await whoAmI(opened, signal);
      return { responseMs, region: shardOf(opened.apiKey), user };
    },
    async *read(stream, question, context) {
      refused.delete(stream);
      let part = 0;
      // What one list has shown says nothing about how far the next one was read.
      const isOneList = RESOURCES[stream].paths.length === 1;
      for (const { path, hidden, optional, last } of questionsOf(stream)) {
        let ordered = '';
        try {
          for await (const page of pagesOf(stream, path, hidden, (names) => urlOf(path, question, names), context)) {
            learn(sentOf(stream, hidden), page.records);
            const created = page.records.map((record) => instantOf(record, 'created_at'));
            const isOrdered = created.every((at) => {
              if (at === null || at < ordered) return false;
              ordered = at;
              return true;
            });
            yield {
              records: mapAll(stream, page.records),
              part,
              total: page.total,
              serverTime: page.serverTime,
              position:
                isOrdered && isOneList && part === 0 && (last || isWhole(stream, hidden))
                  ? (created.at(-1) ?? null)
                  : null,
              last: page.next === null && (last || (hidden.length > 0 && isWhole(stream, hidden))),
            };
          }
        } catch (error) {
          const isAbsent = error instanceof SyncError && error.detail?.startsWith('Status: 404.') === true;
          if (!isAbsent || !optional) throw error;
          // A list of hidden records that this server does not have.
          hide(stream, 'archived_at');
        }
        part++;
      }
    },
    showsEverything(stream) {
      const gone = refused.get(stream);
      // Without deleted ones, what is missing is deleted; without the others it may only be archived or cancelled.
      return gone === undefined || !(gone.has('archived_at') || gone.has('cancelled_at'));
    },
    async confirm(stream, references, context) {
      if (session === null) await open();
      const found = new Map<string, ClinicRecord>();
      const nothing = { changedSince: null, createdFrom: null, startsFrom: null };
      for (let i = 0; i < references.length; i += IDS_PER_QUESTION) {
        const ids = references.slice(i, i + IDS_PER_QUESTION);
        // Nothing is taken for granted here: each kind of hidden records is asked for by itself.
        const { paths, hidden: kinds } = RESOURCES[stream];
        const sets: readonly (readonly HiddenBy[])[] =
          kinds.length === 0 ? [[]] : [[], kinds, ...(kinds.length === 1 ? [] : kinds.map((name) => [name]))];
        for (const { path, hidden } of paths.flatMap((path) => sets.map((hidden) => ({ path, hidden })))) {
          const build = (names: readonly HiddenBy[]) => {
            const url = urlOf(path, nothing, names);
            url.searchParams.append('q[]', `id:=${ids.join(',')}`);
            return url;
          };
          for await (const page of pagesOf(stream, path, hidden, build, context)) {
            for (const record of mapAll(stream, page.records)) found.set(record.reference, record);
          }
        }
      }
      const wanted = new Set(references);
      return [...found.values()].filter((record) => wanted.has(record.reference));
    },
    async fetchContent(wanted, context) {
      const opened = session ?? (await open());
      const { base, authorization } = opened;
      const ask = (path: string) => http.redirect(`${base}/${path}`, authorization, opened.limitKey, context);
      return fetchContent(contents, new URL(base), wanted, ask, context);
    },
    async region() {
      const apiKey = await options.apiKey().catch(() => null);
      return apiKey === null ? null : shardOf(apiKey);
    },
    async close() {
      session = null;
    },
  };

  function mapAll(stream: RecordStream, records: readonly Json[]): ClinicRecord[] {
    return records.map((record) => recordOf(stream, record, mapping));
  }
}

/** Filters compare whole seconds: rounded down, nothing is left out. */
function seconds(instant: string): string {
  return `${instant.slice(0, 19)}Z`;
}

function withList(error: unknown, path: string): unknown {
  if (!(error instanceof SyncError) || error.detail?.includes('List:')) return error;
  const { code, action, retryAfterMs, detail = '', cause } = error;
  return new SyncError(code, {
    action,
    detail: `${detail} List: ${path}.`.trim(),
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
