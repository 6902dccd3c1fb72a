/** Asks a service as its clients do, and holds every answer to what the service's own description says of it. */
import Schema from 'typebox/schema';
import { expect } from 'vitest';
import type { RunningServer } from '../../src/server.ts';
import { describedPaths } from './description.ts';

/**
 * @param template the path as the description has it
 * @param path default: the template, which then has no parameters
 * @param key default: the administrator's
 */
export type DescribedCall = (
  method: string,
  template: string,
  path?: string,
  body?: unknown,
  key?: string,
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
) => Promise<{ status: number; body: any }>;

/** @param server asked for each time: a test may start another one in its place */
export async function describedClient(server: () => Pick<RunningServer, 'url' | 'adminKey'>): Promise<DescribedCall> {
  const described = describedPaths(await (await fetch(`${server().url}/openapi.json`)).json());
  return async (method, template, path = template, body, key = server().adminKey) => {
    const response = await fetch(`${server().url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer = described[template]?.[method.toLowerCase()]?.responses[response.status];
    expect(answer, `${method} ${template} ${response.status}: ${text}`).toBeDefined();
    const schema = answer?.content?.['application/json']?.schema;
    if (schema === undefined) return { status: response.status, body: text };
    const parsed = JSON.parse(text);
    expect(Schema.Errors(schema as object, parsed)[1], `${method} ${path}`).toEqual([]);
    return { status: response.status, body: parsed };
  };
}
