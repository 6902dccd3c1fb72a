/**
 * Sealed credentials of connections. The store cannot open them.
 *
 * Contract, tested by `test/integration/credential-store.test.ts`:
 * - `put` and `replace` write their audit entry in the same transaction.
 * - `replace` changes a row only if it is still the one that was read: a put in between wins.
 * - `put` for an unknown connection → false.
 */
import type { AuditEntry } from '../domain/audit-entry.ts';
import type { ConnectionKey } from './document-records.ts';

export interface SealedCredentials extends ConnectionKey {
  /** Of the encryption key, not a secret. */
  readonly keyId: string;
  readonly nonce: Buffer;
  /** With the tag at its end. */
  readonly ciphertext: Buffer;
}

export interface StoredCredentials extends SealedCredentials {
  /** ISO instant. */
  readonly updatedAt: string;
  readonly updatedBy: string;
}

export interface CredentialStore {
  get(key: ConnectionKey): Promise<StoredCredentials | null>;
  put(sealed: SealedCredentials, by: string, audit: AuditEntry): Promise<boolean>;
  /** @returns false when there were none */
  remove(key: ConnectionKey, audit: AuditEntry): Promise<boolean>;
  /** Those not sealed with `keyId`, ordered, after `after`. */
  sealedOtherwise(keyId: string, after: ConnectionKey | null, limit: number): Promise<readonly StoredCredentials[]>;
  /** Who last changed them, and when, stays. @returns false when they were changed meanwhile */
  replace(old: SealedCredentials, sealed: SealedCredentials, audit: AuditEntry): Promise<boolean>;
}
