/**
 * Logged-in sessions of portals, one for each connection, shared by whoever can open them.
 *
 * A session that is older than its limits, or that cannot be opened, does not exist. Credentials that were refused are remembered until
 * the portal refuses others, or a person resumes the connection.
 */
import type { ErrorCode } from '../domain/errors.ts';
import type { SealedCredentials } from './credential-store.ts';
import type { ConnectionKey } from './document-records.ts';

export interface PortalCookie {
  readonly name: string;
  readonly value: string;
}

/** Secret. */
export interface PortalSession {
  readonly cookies: readonly PortalCookie[];
  /** Digest of the credentials that logged in: others need a session of their own. */
  readonly owner: string;
  /** Epoch ms. Changed cookies keep the age of their login. */
  readonly loggedInAt: number;
}

export interface PortalSessions {
  load(key: ConnectionKey): Promise<PortalSession | null>;
  /** After a login. Replaces what is there. */
  save(key: ConnectionKey, session: PortalSession): Promise<void>;
  /** It was used just now. */
  touch(key: ConnectionKey): Promise<void>;
  remove(key: ConnectionKey): Promise<void>;
  /** @param owner as in a session. @returns null when the portal has not refused these credentials */
  refusal(key: ConnectionKey, owner: string): Promise<PortalRefusal | null>;
  refuse(key: ConnectionKey, owner: string, code: ErrorCode): Promise<void>;
}

export interface PortalRefusal {
  readonly code: ErrorCode;
  /** Epoch ms. */
  readonly at: number;
}

/** Where refusals are kept: of whom, only a salted digest tells. */
export interface RefusalStore {
  get(key: ConnectionKey): Promise<StoredRefusal | null>;
  /** Replaces what is there. */
  put(key: ConnectionKey, refusal: Omit<StoredRefusal, 'at'>): Promise<void>;
}

export interface StoredRefusal extends PortalRefusal {
  readonly salt: Buffer;
  readonly digest: Buffer;
}

/** Where sealed sessions are kept. It cannot open them; its clock says how old they are. */
export interface SealedSessionStore {
  /** @returns null also when it was not used for that long */
  get(key: ConnectionKey, idleMs: number): Promise<SealedCredentials | null>;
  put(sealed: SealedCredentials): Promise<void>;
  touch(key: ConnectionKey): Promise<void>;
  remove(key: ConnectionKey): Promise<void>;
}
