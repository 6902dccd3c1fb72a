/** What the commands about the search index have in common. */
import { SyncError } from '../domain/errors.ts';
import type { Chartsync } from '../main.ts';
import type { IndexPorts } from '../runs/compare-index.ts';

/** Null: no index is configured. @throws SyncError when it cannot be used */
export async function indexPortsOf(chartsync: Chartsync): Promise<IndexPorts | null> {
  let trouble: SyncError | null = null;
  const search = await chartsync.search({
    trouble(error) {
      trouble = error;
    },
  });
  if (trouble !== null) throw trouble;
  return search.capabilities.available ? { desk: chartsync.desk, search } : null;
}

export async function neededIndexPortsOf(chartsync: Chartsync): Promise<IndexPorts> {
  const ports = await indexPortsOf(chartsync);
  if (ports === null) throw new SyncError('search_off');
  return ports;
}
