/** `ClinicSource` on the Cliniko API. */
import { createHash } from 'node:crypto';
import type { ClinicRecord, HiddenKind, RecordStream } from '../../domain/clinic.ts';
import { SyncError } from '../../domain/errors.ts';
import type { ClinicSource, ReadQuestion, SourcePage } from '../../ports/clinic-source.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { OutboundLimit } from '../../ports/outbound-limit.ts';
import { changed, isObject, type Json, type ListAnswer, listOf } from './answer.ts';
import { authorizationOf, shardOf, vendorUrl } from './api-key.ts';
import { type ContentOptions, fetchContent } from './content.ts';
import { idOf, instantOf } from './fields.ts';
import { createHiddenRecords, setsOf } from './hidden-records.ts';
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

interface FirstPage {
  readonly url: URL;
  readonly answer: Answer;
  /** The filters that were not refused. */
  readonly sent: readonly HiddenBy[];
}

interface Page extends ListAnswer {
  readonly serverTime: number | null;
  readonly sent: readonly HiddenBy[];
  readonly isFirst: boolean;
  /** Not later than the moment of which the first page tells, by the server's clock, epoch ms; null: unknown. */
  readonly beganAt: number | null;
}

const PER_PAGE = 100;
const KINDS: Readonly<Record<HiddenBy, HiddenKind>> = {
  archived_at: 'archived',
  cancelled_at: 'cancelled',
  deleted_at: 'deleted',
};
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
  const hidden = createHiddenRecords();
  /** Streams of which the server does not have one of the lists. */
  const lacking = new Set<RecordStream>();

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
  function urlOf(path: string, question: ReadQuestion, filters: readonly HiddenBy[]): URL {
    const url = new URL(`${session?.base ?? ''}/${path}`);
    url.searchParams.set('per_page', String(PER_PAGE));
    const ask = (filter: string) => url.searchParams.append('q[]', filter);
    if (question.changedSince !== null) ask(`updated_at:>=${seconds(question.changedSince)}`);
    if (question.createdFrom !== null) ask(`created_at:>=${seconds(question.createdFrom)}`);
    if (question.startsFrom !== null) ask(`starts_at:>=${seconds(question.startsFrom)}`);
    for (const name of filters) ask(`${name}:*`);
    return url;
  }

  /**
   * First page of a list. Of filters that the server refuses, as few as possible are left out, and remembered: what it refuses says
   * nothing about which.
   */
  async function firstPage(
    stream: RecordStream,
    path: string,
    asked: readonly HiddenBy[],
    build: (filters: readonly HiddenBy[]) => URL,
    context: RequestContext,
  ): Promise<FirstPage> {
    const all = hidden.sent(stream, asked);
    let refusal: unknown = null;
    for (const sent of setsOf(all).sort((a, b) => b.length - a.length)) {
      const url = build(sent);
      try {
        const answer = await get(url.href, context);
        const refused = all.filter((name) => !sent.includes(name));
        if (refused.length > 0) hidden.refuse(stream, refused);
        return { url, answer, sent };
      } catch (error) {
        if (!isRefusedFilter(error)) throw withList(error, path);
        refusal ??= withList(error, path);
      }
    }
    // The plain list as well: it was not about these filters.
    throw refusal;
  }

  async function* pagesOf(
    stream: RecordStream,
    path: string,
    filters: readonly HiddenBy[],
    build: (filters: readonly HiddenBy[]) => URL,
    context: RequestContext,
  ): AsyncGenerator<Page> {
    const { key } = RESOURCES[stream];
    const first = await firstPage(stream, path, filters, build, context);
    const { sent } = first;
    const beganAt = beginningOf(first.answer);
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
      yield { ...page, serverTime: answer.serverTime, sent, isFirst: answer === first.answer, beganAt };
      if (next === null) return;
      answer = await next.catch((error) => {
        throw withList(error, path);
      });
    }
  }

  async function* readPart(
    asked: {
      readonly stream: RecordStream;
      readonly path: string;
      readonly filters: readonly HiddenBy[];
      readonly part: number;
      readonly isOneList: boolean;
    },
    question: ReadQuestion,
    context: RequestContext,
  ): AsyncGenerator<SourcePage> {
    const { stream, path, part } = asked;
    const build = (filters: readonly HiddenBy[]) => urlOf(path, question, filters);
    let ordered = '';
    for await (const page of pagesOf(stream, path, asked.filters, build, context)) {
      hidden.learn(page.sent, page.records);
      const created = page.records.map((record) => instantOf(record, 'created_at'));
      const isOrdered = created.every((at) => {
        if (at === null || at < ordered) return false;
        ordered = at;
        return true;
      });
      const isWhole = page.sent.every(hidden.adds);
      yield {
        records: mapAll(stream, page.records),
        part,
        total: page.total,
        serverTime: page.serverTime,
        arrived: arrivedOf(stream, page, question),
        position: isOrdered && asked.isOneList && part === 0 && isWhole ? (created.at(-1) ?? null) : null,
        last: page.next === null,
      };
    }
  }

  /** What brings a record into a list dates it: its creation, a change where changes are asked for, else what hides it elsewhere. */
  function arrivedOf(stream: RecordStream, page: Page, question: ReadQuestion): string[] | null {
    const { beganAt, records, sent } = page;
    if (page.isFirst) return [];
    if (beganAt === null) return null;
    const isAll = question.changedSince === null && question.startsFrom === null;
    const fields = [isAll ? 'created_at' : 'updated_at', ...sent.filter((name) => !hidden.adds(name))];
    const isLater = (at: string | null) => at !== null && Date.parse(at) >= beganAt;
    return records
      .filter((record) => fields.some((field) => isLater(instantOf(record, field))))
      .map((record) => idOf(record, stream));
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
      // What was refused is asked for again when everything is read; in between it would cost requests each time.
      if (question.changedSince === null) {
        hidden.forget(stream);
        lacking.delete(stream);
      }
      const { paths } = RESOURCES[stream];
      // What one list has shown says nothing about how far the next one was read.
      const isOneList = paths.length === 1;
      let part = 0;
      for (const [i, path] of paths.entries()) {
        try {
          for (const filters of hidden.questions(stream)) {
            yield* readPart({ stream, path, filters, part, isOneList }, question, context);
            part++;
          }
        } catch (error) {
          const isAbsent = error instanceof SyncError && error.detail?.startsWith('Status: 404.') === true;
          if (!isAbsent || i === 0) throw error;
          // A list of hidden records that this server does not have.
          lacking.add(stream);
          part++;
        }
      }
    },
    showsEverything(stream) {
      if (lacking.has(stream)) return false;
      // Without deleted ones, what is missing is deleted; without archived ones it may only be archived.
      return RESOURCES[stream].takesPlace === true || !hidden.refused(stream).includes('archived_at');
    },
    refusals: (stream) => hidden.refused(stream).map((name) => KINDS[name]),
    async confirm(stream, references, context) {
      if (session === null) await open();
      const found = new Map<string, ClinicRecord>();
      const nothing = { changedSince: null, createdFrom: null, startsFrom: null };
      for (let i = 0; i < references.length; i += IDS_PER_QUESTION) {
        const ids = references.slice(i, i + IDS_PER_QUESTION);
        // Nothing is taken for granted here: each set of hidden kinds is asked for by itself.
        const { paths, hidden: kinds } = RESOURCES[stream];
        const sets = setsOf(hidden.sent(stream, kinds));
        for (const { path, filters } of paths.flatMap((path) => sets.map((filters) => ({ path, filters })))) {
          const build = (names: readonly HiddenBy[]) => {
            const url = urlOf(path, nothing, names);
            url.searchParams.append('q[]', `id:=${ids.join(',')}`);
            return url;
          };
          for await (const page of pagesOf(stream, path, filters, build, context)) {
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

function isRefusedFilter(error: unknown): boolean {
  if (!(error instanceof SyncError) || error.code !== 'source_request_refused') return false;
  return error.detail === 'Status: 400.' || error.detail === 'Status: 422.';
}

/** The header has whole seconds and is written when the answer is ready; records have whole seconds as well. */
function beginningOf({ serverTime, tookMs }: Answer): number | null {
  return serverTime === null ? null : serverTime - tookMs - 1000;
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
