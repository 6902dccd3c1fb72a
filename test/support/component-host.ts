/** A page of a clinic system, of another origin than Chartsync: the one of the documentation. */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface HostSettings {
  chartsync: string;
  key: string;
  patients: readonly string[];
}

export interface ComponentHost {
  readonly origin: string;
  /** May be changed while it runs. */
  readonly settings: HostSettings;
  close(): Promise<void>;
}

export async function startComponentHost(): Promise<ComponentHost> {
  const settings: HostSettings = { chartsync: '', key: '', patients: [] };
  const path = '../../docs/examples/jquery-page/server.mjs';
  const { createHost } = (await import(path)) as { createHost(settings: HostSettings): Server };
  const server = createHost(settings);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    settings,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
