/**
 * Tokens for the page of one patient. The store never sees a secret, only its hash; a removed key takes its tokens with it.
 */
import type { AuditEntry } from '../domain/audit-entry.ts';
import type { Scope } from '../domain/scopes.ts';

export interface StoredComponentToken {
  readonly id: string;
  /** SHA-256 of the secret, lower-case hex. */
  readonly hash: string;
  readonly organizationId: string;
  readonly patientUuid: string;
  /** Whose holder asked for it. */
  readonly keyId: string;
  readonly scopes: readonly Scope[];
  /** Epoch ms. */
  readonly expiresAt: number;
}

export interface ComponentTokenStore {
  /** Writes the audit entry in the same transaction. */
  create(token: StoredComponentToken, audit: AuditEntry): Promise<void>;
  find(id: string): Promise<StoredComponentToken | null>;
  /** Removes those that ended before, epoch ms. */
  purge(endedBefore: number): Promise<void>;
}
