/** A served Chartsync that follows a sample portal, and calls that are held to what the description says of them. */
import Schema from 'typebox/schema';
import { expect } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { describedPaths } from './description.ts';
import { type IdexxSetup, type IdexxSetupOptions, ORGANIZATION, setUpIdexx } from './idexx-setup.ts';

export interface Call {
  readonly body?: unknown;
  readonly key?: string;
  readonly headers?: Record<string, string>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every route
  readonly body: any;
}

export interface IdexxService {
  readonly setup: IdexxSetup;
  readonly server: RunningServer;
  call(method: string, path: string, options?: Call): Promise<HttpAnswer>;
  /** Holds a JSON answer to what the description says of the route. */
  documentedCall(method: string, path: string, route: string, options?: Call): Promise<HttpAnswer>;
  close(): Promise<void>;
}

export async function serveIdexx(options: IdexxSetupOptions): Promise<IdexxService> {
  const setup = await setUpIdexx(options);
  const config = await loadConfig({ env: setup.environment, cwd: setup.folder });
  const database = { url: setup.databaseUrl, urlOf: () => null, close: async () => undefined };
  const server = await serve({ config, database });
  const call: IdexxService['call'] = async (method, path, { body, key, headers = {} } = {}) => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key ?? server.adminKey}`,
        'x-organization-id': ORGANIZATION,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return { status: response.status, text, body: isJson ? JSON.parse(text) : null };
  };
  const documented = describedPaths((await call('GET', '/openapi.json')).body);
  return {
    setup,
    server,
    call,
    async documentedCall(method, path, route, given = {}) {
      const answer = await call(method, path, given);
      const described = documented[route]?.[method.toLowerCase()]?.responses[answer.status];
      const schema = described?.content?.['application/json']?.schema;
      expect(schema, `${method} ${route} ${answer.status} ${answer.text}`).toBeDefined();
      const [, errors] = Schema.Errors(schema as object, answer.body);
      expect(errors).toEqual([]);
      return answer;
    },
    async close() {
      await server.stop();
      await setup.close();
    },
  };
}
