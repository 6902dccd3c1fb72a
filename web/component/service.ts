/** The way to the service: the generated client, with a token for one patient in every request and never in an address. */
import createClient, { type Client } from 'openapi-fetch';
import type { paths } from '../src/lib/api/schema.d.ts';
import { eventsOf, type ServerEvent } from '../src/lib/sse.ts';
import type { Tokens } from './tokens.ts';
import { words } from './words.ts';

type Answer<P extends keyof paths, M extends 'get' | 'post'> =
  paths[P] extends Record<M, { responses: { 200: { content: { 'application/json': infer T } } } }> ? T : never;
export type PatientFile = Answer<'/api/patients/{uuid}/documents', 'get'>['documents'][number];
export type SyncState = Answer<'/api/patients/{uuid}/sync', 'get'>;
export type Patient = Answer<'/api/patients/{uuid}', 'get'>['patient'];
export type AlertType = PatientFile['alerts'][number]['type'];
export type Group = Answer<'/api/patients/{uuid}/groups', 'get'>['groups'][number];
export type Duplicate = Answer<'/api/patients/{uuid}/duplicates', 'get'>['duplicates'][number];
export type Proposal = Answer<'/api/patients/{uuid}/group-proposals', 'get'>['proposals'][number];
export type Found = Answer<'/api/patients/{uuid}/search', 'post'>;
export type Passage = Answer<'/api/patients/{uuid}/search', 'post'>['passages'][number];

type BroughtFile =
  paths['/api/patients/{uuid}/process']['post']['responses'][202]['content']['application/json']['documents'][number];

/** What was refused, in words for people. */
export class ServiceFailure extends Error {
  /** 0: the service did not answer. */
  readonly status: number;
  readonly remedy: string | null;
  /** Of files that were brought: why each was refused. */
  readonly documents: readonly BroughtFile[] | null;
  constructor(
    status: number,
    message: string,
    remedy: string | null = null,
    documents: readonly BroughtFile[] | null = null,
  ) {
    super(message);
    this.status = status;
    this.remedy = remedy;
    this.documents = documents;
  }
}

export function asFailure(error: unknown): ServiceFailure {
  if (error instanceof ServiceFailure) return error;
  return new ServiceFailure(
    0,
    error instanceof Error && error.message === words.noToken ? words.noToken : words.offline,
  );
}

export type Asked = Client<paths>;

export interface Service {
  /** @throws ServiceFailure */
  ask<T>(question: (client: Asked) => Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T>;
  /** What happens to the patient's documents. Ends when the connection does. @param after id of the last event heard */
  events(patientUuid: string, after: string | null, signal: AbortSignal): Promise<AsyncIterable<ServerEvent>>;
}

export function createService(server: string, tokens: Tokens, userUuid: () => string | null): Service {
  const client = createClient<paths>({ baseUrl: server, credentials: 'omit' });
  client.use({
    async onRequest({ request }) {
      request.headers.set('authorization', `Bearer ${await tokens.current()}`);
      const user = userUuid();
      if (user !== null && user !== '') request.headers.set('x-silknote-user-uuid', user);
      return request;
    },
  });
  const service: Service = {
    async ask(question) {
      let answer: { data?: unknown; error?: unknown; response: Response };
      try {
        answer = await question(client);
        if (answer.response.status === 401) {
          // It ended, or its key was replaced: a new one may do.
          tokens.drop();
          answer = await question(client);
        }
      } catch (error) {
        throw asFailure(error);
      }
      const { response, error, data } = answer;
      if (response.ok) return data as never;
      const { details, documents = null } = (error ?? {}) as {
        details?: { message?: string; remedy?: string };
        documents?: readonly BroughtFile[];
      };
      const { message = words.refused, remedy = null } = details ?? {};
      throw new ServiceFailure(response.status, message, remedy, documents);
    },
    async events(uuid, after, signal) {
      const headers = after === null ? {} : { 'last-event-id': after };
      const stream = await service.ask((asked) =>
        asked.GET('/api/patients/{uuid}/events', { params: { path: { uuid } }, headers, parseAs: 'stream', signal }),
      );
      return eventsOf(stream as unknown as ReadableStream<Uint8Array>);
    },
  };
  return service;
}
