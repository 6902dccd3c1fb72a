/**
 * Sessions of the pages in the browser. The store never sees a secret, only its hash.
 *
 * Contract, tested by `test/integration/session-http.test.ts`:
 * - `begin` and `end` write their audit entry in the same transaction.
 * - `find` gives what is stored, whether it is still valid or not; a removed key takes its sessions with it.
 */
import type { AuditEntry } from '../domain/audit-entry.ts';

export interface StoredSession {
  /** SHA-256 of the secret in the cookie, lower-case hex. */
  readonly hash: string;
  /** What began it: a key of an organisation, or the administrator's key by a proof that only the secret can check. */
  readonly key: { readonly id: string } | { readonly proof: string };
  /** Epoch ms. */
  readonly createdAt: number;
  /** Exact to the minute. */
  readonly usedAt: number;
}

export interface SessionStore {
  /** @returns when it began, epoch ms */
  begin(session: Pick<StoredSession, 'hash' | 'key'>, audit: AuditEntry): Promise<number>;
  find(hash: string): Promise<StoredSession | null>;
  touch(hash: string): Promise<void>;
  /** @returns false when there is none */
  end(hash: string, audit: AuditEntry): Promise<boolean>;
  /** Removes those that began before `createdBefore` or were last used before `usedBefore`, epoch ms. */
  purge(createdBefore: number, usedBefore: number): Promise<void>;
}
