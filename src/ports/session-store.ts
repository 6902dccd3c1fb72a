/**
 * Sessions of the pages in the browser. The store never sees a secret, only its hash.
 *
 * Contract, tested by `test/integration/session-http.test.ts`:
 * - `begin` and `end` write their audit entry in the same transaction.
 * - `find` gives what is stored, whether it is still valid or not; a removed key takes its sessions with it.
 */
import type { AuditEntry } from '../domain/audit-entry.ts';
import type { Scope } from '../domain/scopes.ts';

/** What an OpenID Connect issuer said of a person, in its own words. */
export interface SessionPerson {
  readonly issuer: string;
  readonly subject: string;
  readonly organizations: readonly string[];
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
}

/** A sign-in on its way to an issuer and back. */
export interface PendingSignIn {
  /** SHA-256 of the secret in the cookie of the browser that began it. */
  readonly hash: string;
  readonly provider: string;
  readonly codeVerifier: string;
  readonly nonce: string;
  /** Path of ours. */
  readonly next: string;
}

/** Somebody who has signed in at an issuer; never a name. */
export interface Person {
  readonly issuer: string;
  readonly subject: string;
  /** What the last sign-in gave. */
  readonly scopes: readonly Scope[];
  readonly firstAt: string;
  readonly lastAt: string;
}

export interface StoredSession {
  /** SHA-256 of the secret in the cookie, lower-case hex. */
  readonly hash: string;
  /**
   * What began it: a key of an organisation, the administrator's key by a proof that only the secret can check, or a
   * sign-in at an issuer.
   */
  readonly key: { readonly id: string } | { readonly proof: string } | { readonly person: SessionPerson };
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
  /** Also forgets pending ones that began before `staleBefore`, epoch ms. */
  beginSignIn(pending: PendingSignIn, staleBefore: number): Promise<void>;
  /** @returns the pending one, for the only time; null when there is none that began after `staleBefore` */
  takeSignIn(hash: string, staleBefore: number): Promise<PendingSignIn | null>;
  /** Notes that somebody signed in, for each of the organisations. */
  sawPerson(person: Pick<Person, 'issuer' | 'subject' | 'scopes'>, organizationIds: readonly string[]): Promise<void>;
  people(organizationId: string): Promise<readonly Person[]>;
}
