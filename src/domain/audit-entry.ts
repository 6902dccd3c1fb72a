/**
 * An entry of the audit log, and how entries are chained: each hash covers the entry and the hash before it, so that a
 * changed, removed, inserted or reordered entry breaks the chain for everybody who computes it again.
 */
import { createHash } from 'node:crypto';

export type AuditResult = 'ok' | 'refused' | 'failed';

/** Ids, counts and codes only: never names, paths, addresses or secrets. Numbers are whole and safe. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | null>>;

export interface AuditActor {
  /** How the actor proved who it is. */
  readonly kind:
    | 'administrator'
    | 'key'
    | 'token'
    | 'certificate'
    | 'component'
    | 'command_line'
    | 'system'
    | 'anonymous';
  readonly id: string;
}

export interface AuditEntry {
  /** Null: the whole installation. */
  readonly organizationId: string | null;
  readonly actor: AuditActor;
  /** Such as `sync.start`, `document.read`, `key.create`. */
  readonly action: string;
  readonly subject: { readonly kind: string; readonly id: string } | null;
  readonly result: AuditResult;
  readonly requestId: string | null;
  readonly details: AuditDetails;
}

export interface AuditRecord extends AuditEntry {
  /** 1, 2, 3 … without gaps. */
  readonly id: number;
  /** ISO instant with milliseconds. */
  readonly at: string;
  readonly previousHash: string;
  readonly hash: string;
}

/** The hash before the first entry. */
export const CHAIN_START = '0'.repeat(64);

/** SHA-256 in hex over the previous hash and a text that every reader of the fields can write again. */
export function auditHash(record: Omit<AuditRecord, 'hash'>): string {
  const details = Object.entries(record.details).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([
    record.previousHash,
    record.id,
    record.organizationId,
    record.at,
    record.actor.kind,
    record.actor.id,
    record.action,
    record.subject?.kind ?? null,
    record.subject?.id ?? null,
    record.result,
    record.requestId,
    details,
  ]);
  return createHash('sha256').update(text).digest('hex');
}
