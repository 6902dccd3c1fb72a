/**
 * The audit log: who did what, when, with which result. Append-only, one hash chain for the installation.
 *
 * Contract, tested by `test/integration/audit-log.test.ts`:
 * - `append` resolves when the entry is durable. Concurrent appends of any number of processes make one chain: ids without
 *   gaps, each hash over the one before it (`domain/audit-entry.ts`).
 * - Ports whose changes must not happen unaudited (`KeyStore`, `CredentialStore`) take an entry and write it in the
 *   transaction of the change: both or neither.
 * - Nothing is changed or deleted, with one exception: `purge` removes the oldest entries, remembers the last removed hash
 *   as the chain's new beginning, and appends an entry that says so. The store refuses everything else.
 * - `verify` and `read` use constant memory and see one moment.
 */
import type { AuditVerdict, ChainPoint } from '../domain/audit-chain.ts';
import type { AuditEntry, AuditRecord, AuditResult } from '../domain/audit-entry.ts';

export interface AuditQuery {
  /** Only this organisation's; absent: all, those of the installation included. */
  readonly organizationId?: string;
  /** Epoch ms, inclusive. */
  readonly since?: number;
  /** Epoch ms, exclusive. */
  readonly until?: number;
}

/** Of what entries are about; what is absent does not matter. */
export interface AuditFilter {
  /** `key.create`, or `key.` for all that begins so. */
  readonly action?: string;
  /** Id of who did it. */
  readonly actor?: string;
  /** Id of what it was done to. */
  readonly subject?: string;
  readonly result?: AuditResult;
  /** Epoch ms, inclusive. */
  readonly since?: number;
  /** Epoch ms, exclusive. */
  readonly until?: number;
}

export interface AuditLog {
  append(entry: AuditEntry): Promise<void>;
  /** Newest first. @param before only entries with smaller ids */
  page(organizationId: string, limit: number, before?: number, filter?: AuditFilter): Promise<readonly AuditRecord[]>;
  /** Oldest first. */
  read(query: AuditQuery, signal?: AbortSignal): AsyncIterable<AuditRecord>;
  verify(options?: { anchor?: ChainPoint; signal?: AbortSignal }): Promise<AuditVerdict>;
  /** Removes the oldest entries, up to the first that is not older than `before` (epoch ms). @returns how many */
  purge(before: number): Promise<number>;
}
