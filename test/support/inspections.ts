/** Inspections of a connection over HTTP, each answer held to what the description says of it. */
import Schema from 'typebox/schema';
import { expect } from 'vitest';
import type { RunningServer } from '../../src/server.ts';
import { describedPaths } from './description.ts';
import { until } from './until.ts';

const OF_CONNECTION = '/api/v1/connections/{connectionId}/inspections';
const RUNS = '/api/v1/connections/{connectionId}/runs';
const ONE = '/api/v1/inspections/{inspectionId}';

export interface Line {
  readonly what: string;
  readonly unit: string | null;
  readonly reference: string | null;
  readonly code: string | null;
  readonly remedy: string | null;
  readonly message: string | null;
}

export interface Inspector {
  /** @returns the answer to the question for one */
  // biome-ignore lint/suspicious/noExplicitAny: answers and refusals
  ask(body: object, key?: string): Promise<{ status: number; body: any }>;
  // biome-ignore lint/suspicious/noExplicitAny: answers and refusals
  look(id: string, key?: string): Promise<{ status: number; body: any }>;
  // biome-ignore lint/suspicious/noExplicitAny: answers and refusals
  cancel(id: string): Promise<{ status: number; body: any }>;
  /** From begin to end. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  inspected(body: object): Promise<any>;
  /** The newest first. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  list(kind: string): Promise<any[]>;
  /** A run that keeps to a plan, from begin to end. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  runAsPlanned(plan: string): Promise<any>;
}

export async function createInspector(
  server: Pick<RunningServer, 'url' | 'adminKey'>,
  organizationId: string,
  connectionId: string,
): Promise<Inspector> {
  const described = describedPaths(await (await fetch(`${server.url}/openapi.json`)).json());
  const at = OF_CONNECTION.replace('{connectionId}', connectionId);

  async function call(method: string, template: string, path: string, body?: object, key?: string) {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key ?? server.adminKey}`,
        // A key of an organisation needs no choice.
        ...(key === undefined ? { 'x-organization-id': organizationId } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const parsed = JSON.parse(await response.text());
    const answer = described[template]?.[method.toLowerCase()]?.responses[response.status];
    expect(answer, `${method} ${template} ${response.status}`).toBeDefined();
    expect(Schema.Errors(answer?.content?.['application/json']?.schema as object, parsed)[1]).toEqual([]);
    return { status: response.status, body: parsed };
  }

  const ask: Inspector['ask'] = (body, key) => call('POST', OF_CONNECTION, at, body, key);
  const look: Inspector['look'] = (id, key) => call('GET', ONE, `/api/v1/inspections/${id}`, undefined, key);
  return {
    ask,
    look,
    cancel: (id) => call('DELETE', ONE, `/api/v1/inspections/${id}`),
    async inspected(body) {
      const begun = await ask(body);
      expect(begun.status).toBe(202);
      await until(async () => (await look(begun.body.id)).body.state !== 'running', 60_000);
      return (await look(begun.body.id)).body;
    },
    async runAsPlanned(plan) {
      const path = `/api/v1/connections/${connectionId}/runs`;
      const begun = await call('POST', RUNS, path, { plan });
      expect(begun.status).toBe(202);
      const run = async () => {
        const { runs } = (await call('GET', RUNS, path)).body;
        return runs.find(({ sync_id }: { sync_id: string }) => sync_id === begun.body.sync_id);
      };
      await until(async () => (await run())?.completed_at != null);
      return run();
    },
    list: async (kind) => (await call('GET', OF_CONNECTION, `${at}?kind=${kind}`)).body.inspections,
  };
}
