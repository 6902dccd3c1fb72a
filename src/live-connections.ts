/**
 * The opened connections, each with the settings that count now. What people choose is in the database and is followed by
 * every process; a connection whose settings change is opened anew beside the old one, with which runs in progress go on.
 * Part of the wiring in `main.ts`.
 */
import type { Config, ConnectionConfig, FieldMistake } from './config/config.ts';
import type {
  ChosenSettings,
  ConnectionSettings,
  ConnectionSettingsStore,
  StoredSettings,
} from './ports/connection-settings.ts';
import type { ConnectionKey } from './ports/document-records.ts';
import type { Connection } from './runs/connections.ts';

export interface LiveConnections extends ConnectionSettings {
  /** Always the same list: a connection that was opened anew takes the place of the old one. */
  readonly list: readonly Connection[];
  /** What counts now. */
  configured(): readonly ConnectionConfig[];
  /** Follows what was chosen since the last time, here or by another process. */
  refresh(): Promise<void>;
  /** The same, if what is known of the connection is older than that. @param version of what was chosen for it */
  reach(key: ConnectionKey, version: number): Promise<void>;
}

interface Live {
  config: ConnectionConfig;
  /** Of what was chosen. */
  version: number;
  mistakes: readonly FieldMistake[];
}

export interface LiveOptions {
  readonly config: Config;
  readonly store: ConnectionSettingsStore;
  /**
   * The old one is not closed before the end of the process: whoever works with it may do so to the end, and what it holds of
   * the source – the idle members of its pool – it gives back by itself.
   */
  open(connection: ConnectionConfig): Connection;
}

export async function openLiveConnections({ config, store, open }: LiveOptions): Promise<LiveConnections> {
  const list: Connection[] = [];
  const live = new Map<string, Live>();
  const stored = new Map<string, StoredSettings>();

  /** What people chose counts while it is right together with the configuration; else the configuration alone. */
  function resolve(file: ConnectionConfig): Live {
    const found = stored.get(nameOf(file.organizationId, file.id));
    const chosen = valuesOf(found?.chosen ?? {});
    const version = found?.version ?? 0;
    if (Object.keys(chosen).length === 0) return { config: file, version, mistakes: [] };
    const resolved = resolveAllowed(file, chosen);
    return 'mistakes' in resolved
      ? { config: file, version, mistakes: resolved.mistakes }
      : { config: resolved.connection, version, mistakes: [] };
  }

  function resolveAllowed(file: ConnectionConfig, chosen: Record<string, unknown>) {
    const { organizationId, id } = file;
    // What may be chosen may have become less with a newer version of Chartsync.
    const refused = config.connectionSettings.refused(organizationId, id, Object.keys(chosen));
    if (refused.length > 0) return { mistakes: refused };
    const resolved = config.connectionSettings.resolve(organizationId, id, chosen);
    if ('mistakes' in resolved) return resolved;
    const mirror = mirrorMistake(file, resolved.connection);
    return mirror === null ? resolved : { mistakes: [mirror] };
  }

  const files = config.organizations.flatMap((organization) => organization.connections);

  async function read(): Promise<void> {
    for (const row of await store.all()) {
      const name = nameOf(row.organizationId, row.connectionId);
      // Two reads may overtake each other.
      if (row.version > (stored.get(name)?.version ?? 0)) stored.set(name, row);
    }
  }

  function follow(file: ConnectionConfig): void {
    const name = nameOf(file.organizationId, file.id);
    const before = live.get(name);
    if (before?.version === (stored.get(name)?.version ?? 0)) return;
    const now = resolve(file);
    live.set(name, now);
    const opened = open(now.config);
    const at = list.findIndex((c) => c.organizationId === file.organizationId && c.id === file.id);
    if (at < 0) list.push(opened);
    else list[at] = opened;
  }

  const fileOf = ({ organizationId, connectionId }: ConnectionKey) =>
    files.find((c) => c.organizationId === organizationId && c.id === connectionId) ?? null;

  async function refresh(): Promise<void> {
    await read();
    for (const file of files) follow(file);
  }
  await refresh();

  return {
    list,
    refresh,
    async reach({ organizationId, connectionId }, version) {
      // Not what was read: what was read may not be followed yet.
      if ((live.get(nameOf(organizationId, connectionId))?.version ?? 0) < version) await refresh();
    },
    configured: () => files.map((file) => live.get(nameOf(file.organizationId, file.id))?.config ?? file),
    async view(key) {
      const file = fileOf(key);
      if (file === null) return null;
      await refresh();
      const name = nameOf(key.organizationId, key.connectionId);
      const chosen = stored.get(name)?.chosen ?? {};
      const now = live.get(name)!;
      // What was chosen and does not count is shown as what it is: of no effect.
      const shown = now.mistakes.length === 0 ? chosen : {};
      const fields = config.connectionSettings.form(key.organizationId, key.connectionId, valuesOf(shown)) ?? [];
      const mirror = mirrors(file);
      return {
        connector: file.connector,
        version: now.version,
        settings: { ...now.config.settings },
        mistakes: now.mistakes,
        fields: fields.map((field) => ({
          ...field,
          fixed: field.name === 'activate' && mirror ? MIRRORED : field.fixed,
          changedAt: shown[field.name]?.at ?? null,
          changedBy: shown[field.name]?.by ?? null,
        })),
      };
    },
    async change(key, request, audit) {
      const file = fileOf(key);
      if (file === null) return { mistakes: [{ name: '', message: 'there is no such connection' }] };
      const names = [...new Set([...Object.keys(request.choose), ...request.forget])].sort();
      const refused = config.connectionSettings.refused(file.organizationId, file.id, names);
      if (refused.length > 0) return { mistakes: refused };
      const long = Object.entries(request.choose).find(([, value]) => JSON.stringify(value).length > LONGEST);
      if (long !== undefined) return { mistakes: [{ name: long[0], message: 'is too long' }] };
      await refresh();
      const before = stored.get(nameOf(key.organizationId, key.connectionId));
      const from = before?.version ?? 0;
      if (request.version !== null && request.version !== from) return 'stale';
      const chosen: Record<string, ChosenSettings[string]> = { ...before?.chosen };
      for (const name of request.forget) delete chosen[name];
      const at = new Date().toISOString();
      for (const [name, value] of Object.entries(request.choose)) chosen[name] = { value, at, by: request.by };
      const resolved = resolveAllowed(file, valuesOf(chosen));
      if ('mistakes' in resolved) return resolved;
      const change = { from, chosen, effective: resolved.connection.settings };
      if (!(await store.put(key, change, audit(names)))) return 'stale';
      await refresh();
      return 'changed';
    },
  };
}

/** Of one value, as JSON. */
const LONGEST = 20_000;

const MIRRORED = 'The tables that are kept in the source depend on it: change it in chartsync.yaml, then restart.';

const mirrors = (file: ConnectionConfig) => file.connector === 'vsrx' && file.settings.mirrorTables;

/** The copy of our tables is opened once, with what decides there whose filesets are active. */
function mirrorMistake(file: ConnectionConfig, next: ConnectionConfig): FieldMistake | null {
  if (file.connector !== 'vsrx' || next.connector !== 'vsrx' || !mirrors(file)) return null;
  const same = file.settings.activate === next.settings.activate;
  return same ? null : { name: 'activate', message: `cannot be changed here. ${MIRRORED}` };
}

function valuesOf(chosen: ChosenSettings): Record<string, unknown> {
  return Object.fromEntries(Object.entries(chosen).map(([name, { value }]) => [name, value]));
}

const nameOf = (organizationId: string, connectionId: string) => `${organizationId}/${connectionId}`;
