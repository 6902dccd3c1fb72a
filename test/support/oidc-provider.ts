/** A real OpenID Connect provider on a free port, with its own pages for the login. People: whatever name they type. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TestProvider {
  readonly url: string;
  /** What it says of somebody from now on: name typed at its login → claims. */
  readonly people: Map<string, Record<string, unknown>>;
  close(): Promise<void>;
}

export const CLIENT = { id: 'chartsync-pages', secret: 'a-secret-of-the-test-provider' };

/** @param redirectUri where it may send browsers back to */
export async function startProvider(redirectUri: string): Promise<TestProvider> {
  // Loads a whole web framework: only for who needs it.
  const { Provider } = await import('oidc-provider');
  const people = new Map<string, Record<string, unknown>>();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Another host than Chartsync's: to a browser these are two sites.
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(url, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    claims: { openid: ['sub', 'org_id', 'roles'] },
    cookies: { keys: ['a key of the test'] },
    pkce: { required: () => true },
    async findAccount(_context: unknown, id: string) {
      return people.has(id) ? { accountId: id, claims: async () => ({ sub: id, ...people.get(id) }) } : undefined;
    },
  });
  server.on('request', provider.callback());
  return {
    url,
    people,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
