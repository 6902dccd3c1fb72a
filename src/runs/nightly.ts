/** What a service does by itself beside runs: the comparison of all stores at night, and the care of the search index. */
import { type SyncError, toSyncError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { ConsistencyStore } from '../ports/consistency-store.ts';
import type { SearchIndex } from '../ports/search-index.ts';
import type { Upkeep } from '../ports/upkeep.ts';
import { type ConsistencyPorts, checkConsistency } from './check-consistency.ts';
import { type Connection, isFileConnection } from './connections.ts';
import { previousCron } from './cron.ts';

export interface NightlySettings {
  /** Minutes after midnight at the organisation; null: never by itself. */
  readonly at: number | null;
  readonly timeBoxMs: number;
  readonly samplePercent: number;
}

export interface NightlyOptions {
  readonly ports: Omit<ConsistencyPorts, 'clock'>;
  readonly upkeep: Upkeep;
  readonly settings: NightlySettings;
  readonly organizations: readonly { readonly id: string; readonly timeZone: string }[];
  readonly connections: readonly Connection[];
  readonly clock: Clock;
  readonly onError: (organizationId: string | null, error: SyncError) => void;
}

export const MAINTAIN_SEARCH = 'search.maintain';
const LOOK_MS = 60_000;
const MAINTAIN_MS = 3600_000;

export function startNightly(options: NightlyOptions): { stop(): Promise<void> } {
  const { clock, upkeep, ports } = options;
  const ended = new AbortController();
  const loop = (async () => {
    while (!ended.signal.aborted) {
      await maintainSearch(upkeep, ports.search, ended.signal).catch((error) => tell(null, error));
      for (const organization of options.organizations) {
        await compareInWindow(options, organization, ended.signal).catch((error) => tell(organization.id, error));
      }
      await clock.sleep(LOOK_MS, ended.signal).catch(() => undefined);
    }
  })();
  function tell(organizationId: string | null, error: unknown) {
    if (!ended.signal.aborted) options.onError(organizationId, toSyncError(error));
  }
  return {
    async stop() {
      ended.abort();
      await loop;
    },
  };
}

export async function maintainSearch(
  upkeep: Upkeep,
  search: SearchIndex,
  signal: AbortSignal,
  everyMs = MAINTAIN_MS,
): Promise<boolean> {
  if (!search.capabilities.available || !(await upkeep.claim(MAINTAIN_SEARCH, everyMs))) return false;
  try {
    await search.maintain(signal);
    await upkeep.done(MAINTAIN_SEARCH, null);
    return true;
  } catch (error) {
    await upkeep.done(MAINTAIN_SEARCH, toSyncError(error).code);
    throw error;
  }
}

/** Once in each window; what was not done in it goes on in the next one. */
async function compareInWindow(
  options: NightlyOptions,
  { id: organizationId, timeZone }: { id: string; timeZone: string },
  signal: AbortSignal,
): Promise<void> {
  const { settings, clock, ports } = options;
  if (settings.at === null) return;
  const begin = previousCron(`${settings.at % 60} ${Math.floor(settings.at / 60)} * * *`, clock.now(), timeZone);
  const until = begin + settings.timeBoxMs;
  if (clock.now() >= until || (await isDone(ports.store, organizationId, begin))) return;
  await checkConsistency(
    { ...ports, clock },
    {
      organizationId,
      connections: options.connections.filter(isFileConnection).filter((c) => c.organizationId === organizationId),
      until,
      samplePercent: settings.samplePercent,
      signal,
    },
  );
}

async function isDone(store: ConsistencyStore, organizationId: string, since: number): Promise<boolean> {
  const [newest] = await store.reports(organizationId, 1);
  return newest !== undefined && newest.finishedAt !== null && Date.parse(newest.finishedAt) >= since;
}
