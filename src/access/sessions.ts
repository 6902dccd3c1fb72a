/**
 * Sessions of the pages in the browser. A session begins with a key and may do what that key may, as long as the key is
 * valid; or with a sign-in at an OpenID Connect issuer, and may do what the configuration makes of its claims: at most twelve hours, and one hour without a request. The secret is in the cookie alone; kept is its SHA-256.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AuditEntry } from '../domain/audit-entry.ts';
import type { Clock } from '../ports/clock.ts';
import type { SessionStore } from '../ports/session-store.ts';
import type { ApiKeys } from './api-keys.ts';
import { AccessDenied, unauthorised } from './denied.ts';
import { type IssuerClaims, principalOfClaims } from './jwt.ts';
import { administrator, type Principal } from './principal.ts';
import type { OidcIssuer } from './settings.ts';

/** What a request with the cookie presents. */
export interface PresentedSession {
  /** The text in the cookie. */
  readonly secret: string;
  /** It may change something: then a cookie alone, which browsers send by themselves, proves nothing. */
  readonly unsafe: boolean;
  readonly csrfToken: string | undefined;
}

export interface Session {
  /** What unsafe requests must repeat: a page of another origin cannot read it. */
  readonly csrfToken: string;
  /** Epoch ms, at the latest. */
  readonly expiresAt: number;
}

export interface Sessions {
  /** @returns with the secret for the cookie. @throws AccessDenied 400 unless the principal proved itself by a key */
  begin(principal: Principal, audit: AuditEntry): Promise<Session & { readonly secret: string }>;
  /** @param claims what an issuer has just said, verified */
  beginPerson(claims: IssuerClaims, audit: AuditEntry): Promise<Session & { readonly secret: string }>;
  /** @throws AccessDenied 401, 403 */
  authenticate(presented: PresentedSession): Promise<Principal>;
  find(secret: string): Promise<Session | null>;
  /** @returns false when there is none */
  end(secret: string, audit: AuditEntry): Promise<boolean>;
  /** Forgets those that are over. */
  tidy(): Promise<void>;
}

export interface SessionOptions {
  readonly store: SessionStore;
  readonly keys: ApiKeys;
  /** Null: there is none. */
  readonly adminKey: string | null;
  /** Whose claims count. */
  readonly issuers: readonly OidcIssuer[];
  readonly clock: Clock;
}

export const SESSION_MS = 12 * 3600_000;
const IDLE_MS = 3600_000;
const TOUCH_MS = 60_000;
const FORM = /^[A-Za-z0-9_-]{43}$/;

export function createSessions({ store, keys, adminKey, issuers, clock }: SessionOptions): Sessions {
  async function valid(secret: string) {
    const session = FORM.test(secret) ? await store.find(hashOf(secret)) : null;
    const now = clock.now();
    if (session === null || now - session.createdAt >= SESSION_MS || now - session.usedAt >= IDLE_MS) return null;
    return session;
  }

  return {
    async begin(principal, audit) {
      const secret = randomBytes(32).toString('base64url');
      const key =
        principal.kind === 'key'
          ? { id: principal.id }
          : principal.kind === 'administrator' && adminKey !== null
            ? { proof: hmac(secret, `key ${adminKey}`) }
            : null;
      if (key === null) throw new AccessDenied(400, 'invalid_request', 'A session begins with a key.');
      return opened(secret, await store.begin({ hash: hashOf(secret), key }, audit));
    },
    async beginPerson(claims, audit) {
      const secret = randomBytes(32).toString('base64url');
      return opened(secret, await store.begin({ hash: hashOf(secret), key: { person: claims } }, audit));
    },
    async authenticate({ secret, unsafe, csrfToken }) {
      const session = await valid(secret);
      // A cookie that outlived its session is no guess: nobody can guess 32 bytes.
      if (session === null) throw unauthorised('The session is over. Sign in again.');
      if (unsafe && !same(csrfToken ?? '', csrfTokenOf(secret))) {
        throw new AccessDenied(403, 'csrf_token', 'With a session, this needs its token in the header X-CSRF-Token.');
      }
      const { key } = session;
      const principal =
        'id' in key
          ? await keys.recall(key.id)
          : 'person' in key
            ? personBy(key.person)
            : administratorBy(key.proof, secret);
      if (clock.now() - session.usedAt > TOUCH_MS) await store.touch(session.hash);
      return principal;
    },
    async find(secret) {
      const session = await valid(secret);
      return session && { csrfToken: csrfTokenOf(secret), expiresAt: session.createdAt + SESSION_MS };
    },
    end: (secret, audit) => store.end(hashOf(secret), audit),
    tidy: () => store.purge(clock.now() - SESSION_MS, clock.now() - IDLE_MS),
  };

  function opened(secret: string, createdAt: number) {
    return { secret, csrfToken: csrfTokenOf(secret), expiresAt: createdAt + SESSION_MS };
  }

  /** The configuration may say something else of the issuer by now, or nothing any more. */
  function personBy(claims: IssuerClaims): Principal {
    const issuer = issuers.find((known) => known.issuer === claims.issuer && known.signIn !== null);
    if (issuer === undefined) throw unauthorised('Nobody signs in at the issuer of this session any more.');
    return principalOfClaims(claims, issuer);
  }

  /** The administrator's key may have been replaced since. */
  function administratorBy(proof: string, secret: string): Principal {
    if (adminKey === null || !same(proof, hmac(secret, `key ${adminKey}`))) {
      throw unauthorised('The key of this session is not valid any more.');
    }
    return administrator();
  }
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function csrfTokenOf(secret: string): string {
  return hmac(secret, 'csrf');
}

function hmac(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url');
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
