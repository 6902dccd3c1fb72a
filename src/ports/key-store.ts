/**
 * API keys of organisations. The store never sees a secret, only its hash.
 *
 * Contract, tested by `test/integration/key-store.test.ts`:
 * - Each method that changes something writes its audit entry in the same transaction.
 * - `find` is not limited to an organisation: the caller is not known yet. All others are, and what belongs to another
 *   organisation does not exist for them.
 */
import type { AuditEntry } from '../domain/audit-entry.ts';
import type { Scope } from '../domain/scopes.ts';

export interface ApiKey {
  /** 16 digits and small letters. */
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** ISO instants. */
  readonly createdAt: string;
  readonly createdBy: string;
  readonly expiresAt: string | null;
  /** Exact to the minute. */
  readonly lastUsedAt: string | null;
  readonly revokedAt: string | null;
  /** The key that takes its place. */
  readonly rotatedTo: string | null;
}

export interface NewApiKey {
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  /** SHA-256 of the secret, lower-case hex. */
  readonly hash: string;
  readonly scopes: readonly Scope[];
  readonly createdBy: string;
  /** Epoch ms. */
  readonly expiresAt: number | null;
}

export interface KeyStore {
  find(id: string): Promise<{ readonly key: ApiKey; readonly hash: string } | null>;
  /** Oldest first. */
  list(organizationId: string): Promise<readonly ApiKey[]>;
  create(key: NewApiKey, audit: AuditEntry): Promise<ApiKey>;
  /** @returns false when there is no such key, or it was revoked before */
  revoke(organizationId: string, id: string, by: string, audit: AuditEntry): Promise<boolean>;
  /**
   * Creates the successor; the old key ends at `overlapUntil` (epoch ms) unless it ends earlier by itself.
   * @returns null when there is no such key, or it is revoked, expired or rotated already
   */
  rotate(id: string, successor: NewApiKey, overlapUntil: number, audit: AuditEntry): Promise<ApiKey | null>;
  /** Notes that the key was used, unless that was noted less than a minute ago. */
  touch(id: string): Promise<void>;
}
