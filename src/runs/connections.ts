/** The configured connections of this process, ready to be run. */

import type { Schedule } from '../domain/schedule.ts';
import type { FilePorts, FileSettings } from '../engine/files/settings.ts';
import type { RecordPorts, RecordSettings } from '../engine/records/settings.ts';
import type { BookPorts, BookSettings } from '../engine/schedule/settings.ts';
import type { ConnectionKey } from '../ports/document-records.ts';

interface AnyConnection {
  readonly organizationId: string;
  readonly id: string;
  /** Null: only run by hand. */
  readonly schedule: Schedule | null;
  /** IANA zone in which the schedule is meant. */
  readonly timeZone: string;
  /** The longest that one run may take; null: no limit. */
  readonly timeoutMs: number | null;
  /** The configuration asks for dry runs only. */
  readonly dryRun: boolean;
}

/** A source of files. */
export interface FileConnection extends AnyConnection {
  readonly connector: 'vsrx';
  readonly settings: FileSettings;
  readonly ports: FilePorts;
  /** How often a scheduled run also looks at the files (deep) or hashes them (checksum), in ms; null = never. */
  readonly modes: { readonly deepEveryMs: number | null; readonly checksumEveryMs: number | null };
}

/** A source of records. */
export interface RecordConnection extends AnyConnection {
  readonly connector: 'cliniko';
  readonly settings: RecordSettings;
  readonly ports: RecordPorts;
  /** Minutes after midnight of the nightly read of everything; null: never by itself. */
  readonly fullCompareAt: number | null;
  /** Where the source is, as far as its key tells; null when there is none. */
  region(): Promise<string | null>;
}

/** A source of a clinic's calendar. */
export interface BookConnection extends AnyConnection {
  readonly connector: 'idexx';
  readonly settings: BookSettings;
  readonly ports: BookPorts;
}

export type Connection = FileConnection | RecordConnection | BookConnection;

export type Found<C> =
  | { readonly found: 'one'; readonly connection: C }
  | { readonly found: 'none' | 'several'; readonly candidates: readonly string[] };

/** @param name connection id, or `organisation/connection` when two organisations use the same id */
export function findConnection<C extends Connection>(connections: readonly C[], name: string): Found<C> {
  const matches = connections.filter((c) => c.id === name || `${c.organizationId}/${c.id}` === name);
  const [first] = matches;
  if (matches.length === 1 && first !== undefined) return { found: 'one', connection: first };
  const all = matches.length === 0 ? connections : matches;
  return {
    found: matches.length === 0 ? 'none' : 'several',
    candidates: all.map((c) => (matches.length > 1 ? `${c.organizationId}/${c.id}` : c.id)),
  };
}

export function isFileConnection(connection: Connection): connection is FileConnection {
  return connection.connector === 'vsrx';
}

export function isRecordConnection(connection: Connection): connection is RecordConnection {
  return connection.connector === 'cliniko';
}

export function isBookConnection(connection: Connection): connection is BookConnection {
  return connection.connector === 'idexx';
}

export function isKeyOf(connection: Connection, key: ConnectionKey): boolean {
  return connection.organizationId === key.organizationId && connection.id === key.connectionId;
}

/** What the credentials of a connection consist of. */
export const CREDENTIAL_FIELDS: Readonly<Record<Connection['connector'], readonly string[]>> = {
  vsrx: ['username', 'password'],
  cliniko: ['apiKey'],
  idexx: ['companyId', 'username', 'password'],
};

/** @returns null when they are not exactly what the connection wants */
export function credentialsFor(connection: Connection, given: unknown): Record<string, string> | null {
  const fields = CREDENTIAL_FIELDS[connection.connector];
  const values: Readonly<Record<string, unknown>> = typeof given === 'object' && given !== null ? { ...given } : {};
  const isComplete = fields.every((name) => typeof values[name] === 'string' && values[name] !== '');
  if (!isComplete || Object.keys(values).length !== fields.length) return null;
  return Object.fromEntries(fields.map((name) => [name, String(values[name])]));
}
