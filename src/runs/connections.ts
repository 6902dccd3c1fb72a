/** The configured connections of this process, ready to be run. */

import type { Schedule } from '../domain/schedule.ts';
import type { FilePorts, FileSettings } from '../engine/files/settings.ts';

export interface FileConnection {
  readonly connector: 'vsrx';
  readonly organizationId: string;
  readonly id: string;
  readonly settings: FileSettings;
  readonly ports: FilePorts;
  /** Null: only run by hand. */
  readonly schedule: Schedule | null;
  /** IANA zone in which the schedule is meant. */
  readonly timeZone: string;
  /** How often a scheduled run also looks at the files (deep) or hashes them (checksum), in ms; null = never. */
  readonly modes: { readonly deepEveryMs: number | null; readonly checksumEveryMs: number | null };
  /** The longest that one run may take; null: no limit. */
  readonly timeoutMs: number | null;
  /** The configuration asks for dry runs only. */
  readonly dryRun: boolean;
}

export type Found =
  | { readonly found: 'one'; readonly connection: FileConnection }
  | { readonly found: 'none' | 'several'; readonly candidates: readonly string[] };

/** @param name connection id, or `organisation/connection` when two organisations use the same id */
export function findConnection(connections: readonly FileConnection[], name: string): Found {
  const matches = connections.filter((c) => c.id === name || `${c.organizationId}/${c.id}` === name);
  const [first] = matches;
  if (matches.length === 1 && first !== undefined) return { found: 'one', connection: first };
  const all = matches.length === 0 ? connections : matches;
  return {
    found: matches.length === 0 ? 'none' : 'several',
    candidates: all.map((c) => (matches.length > 1 ? `${c.organizationId}/${c.id}` : c.id)),
  };
}
