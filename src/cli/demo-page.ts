/**
 * A page of another application for `npm start`: the jQuery page of the documentation, at an origin of its own. Its server alone
 * has a key, made at each start and revoked at the end; the page gets tokens for one patient.
 */
import { readFile, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface DemoPage {
  readonly url: string;
  /** From when the service listens. */
  connect(service: { readonly url: string; readonly adminKey: string }): Promise<void>;
  /** After a run: others may have documents now. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

interface PageSettings {
  chartsync: string;
  key: string;
  patients: string[];
}

const EXAMPLE = '../../docs/examples/jquery-page/server.mjs';
const NAME = 'sample page of a clinic system';
const SCOPES = ['documents:read', 'documents:write', 'sync:run'];
/** More than a person chooses from. */
const PATIENTS = 20;

/**
 * @param file where its address is kept, so that it stays the same
 * @returns null where jQuery is not installed, as beside a product without its development packages
 */
export async function startDemoPage(file: string): Promise<DemoPage | null> {
  const settings: PageSettings = { chartsync: '', key: '', patients: [] };
  const example = (await import(EXAMPLE).catch(() => null)) as { createHost(settings: PageSettings): Server } | null;
  if (example === null) return null;
  const server = example.createHost(settings);
  const port = Number(URL.parse((await readFile(file, 'utf8').catch(() => '')).trim())?.port ?? 0);
  // The port of last time when it is free.
  await listen(server, port).catch(() => listen(server, 0));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await writeFile(file, `${url}\n`);
  let revoke = async () => {};

  const page: DemoPage = {
    url,
    async connect(service) {
      const ask = async (method: string, path: string, body?: object) => {
        const response = await fetch(`${service.url}${path}`, {
          method,
          headers: {
            authorization: `Bearer ${service.adminKey}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}.`);
        return JSON.parse((await response.text()) || 'null');
      };
      const { keys } = (await ask('GET', '/api/v1/keys')) as { keys: { id: string; name: string; state: string }[] };
      // Of a start that was killed.
      const former = keys.filter(({ name, state }) => name === NAME && state === 'active');
      for (const { id } of former) await ask('DELETE', `/api/v1/keys/${id}`);
      const made = (await ask('POST', '/api/v1/keys', { name: NAME, scopes: SCOPES, expires_in_days: 1 })) as {
        key: { id: string };
        secret: string;
      };
      settings.chartsync = service.url;
      settings.key = made.secret;
      revoke = async () => {
        await ask('DELETE', `/api/v1/keys/${made.key.id}`);
      };
      await page.refresh();
    },
    async refresh() {
      if (settings.key === '') return;
      const response = await fetch(`${settings.chartsync}/api/v1/filesets/search`, {
        method: 'POST',
        headers: { authorization: `Bearer ${settings.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ limit: 100 }),
      });
      if (!response.ok) return;
      const { filesets } = (await response.json()) as {
        filesets: { silknotePatientUuid: string; documents: number }[];
      };
      settings.patients = filesets
        .filter(({ documents }) => documents > 0)
        .slice(0, PATIENTS)
        .map(({ silknotePatientUuid }) => silknotePatientUuid);
    },
    async stop() {
      await revoke().catch(() => undefined);
      revoke = async () => {};
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return page;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
