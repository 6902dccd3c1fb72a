/** The little that tests need to ask the simulator: authenticated requests and whole lists. */
import type { Account } from './accounts.ts';
import type { ClinikoSimulator } from './server.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
export type Body = any;

export interface Asked {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Undefined when the text is no JSON. */
  readonly body: Body;
}

export function headersOf(key: string): Record<string, string> {
  return {
    authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}`,
    'user-agent': 'Sample tests (tests@example.invalid)',
  };
}

export function clientOf(simulator: ClinikoSimulator, account: Account = simulator.accounts[0]!) {
  const ask = async (path: string, method = 'GET', body?: object): Promise<Asked> => {
    const url = path.startsWith('http') ? path : `${simulator.url}/${path}`;
    const answer = await fetch(url, {
      method,
      headers: { ...headersOf(account.key), ...(body ? { 'content-type': 'application/json' } : {}) },
      redirect: 'manual',
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, body: parsed(text) };
  };
  /** Follows `next` to the end. */
  const list = async (path: string): Promise<Body[]> => {
    const rows: Body[] = [];
    for (let next: string | undefined = path; next; ) {
      const { body, status, text }: Asked = await ask(next);
      if (status !== 200) throw new Error(`${status} ${text}`);
      const [key] = Object.keys(body);
      rows.push(...body[key!]);
      next = body.links.next;
    }
    return rows;
  };
  const ids = async (path: string): Promise<string[]> => (await list(path)).map(({ id }) => id);
  return { ask, list, ids };
}

function parsed(text: string): Body {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
