/**
 * What the reader of an EHR database asks of a driver: one consistent snapshot, asked one statement after the other.
 *
 * A statement's answer comes as a whole; the reader keeps answers small and asks for the next one only when the last one
 * is used up. So a slow consumer never blocks a statement that the server is executing.
 */
import type { SourceRow } from './source-row.ts';
import type { Dialect } from './sql.ts';

export interface SourceColumn {
  readonly kind: 'number' | 'uuid' | 'text';
  /** Values are instants spelled in UTC, not wall clock times. */
  readonly isUtc: boolean;
}

export interface SourceRows {
  readonly rows: readonly SourceRow[];
  readonly columns: readonly SourceColumn[];
}

export interface EhrSession {
  /**
   * Runs one statement. One at a time.
   * @throws SyncError; `cancelled` when the session's signal was aborted, `source_timeout` when the statement took too long
   */
  query(sql: string, values?: readonly unknown[]): Promise<SourceRows>;
  /** Ends the snapshot and gives the connection back. May be called again. */
  end(): Promise<void>;
  /** Drops the connection and stops what the server is doing for it. May be called again, also after `end`. */
  destroy(): void;
}

export interface EhrDriver {
  readonly dialect: Dialect;
  /**
   * Opens a snapshot: everything that the session reads is as it was at one moment. Aborting the signal destroys it.
   * @param tables tables that will be read, so that none of them can be replaced between the snapshot and the read
   * @throws SyncError
   */
  snapshot(tables: readonly string[], signal: AbortSignal | undefined): Promise<EhrSession>;
  close(): Promise<void>;
}

/** How long the parts of a conversation may take, and how many may be held at once. */
export interface ConnectionLimits {
  /** Default 60,000: connecting, including the wait for a free connection. */
  readonly connectTimeoutMs?: number;
  /** Default 60,000: one statement with its answer. */
  readonly queryTimeoutMs?: number;
  /** Default 10. */
  readonly maxConnections?: number;
  /** Default 20: callers that may wait for a free connection; more are refused. */
  readonly maxWaiting?: number;
}

export const DEFAULT_LIMITS: Required<ConnectionLimits> = {
  connectTimeoutMs: 60_000,
  queryTimeoutMs: 60_000,
  maxConnections: 10,
  maxWaiting: 20,
};
