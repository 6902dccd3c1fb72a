/** Finds out who calls. Everything that a request presents must be valid; two proofs allow no more than either alone. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { ApiKeys } from './api-keys.ts';
import type { ClientCertificates } from './client-certificate.ts';
import type { ComponentTokens } from './component-tokens.ts';
import { unauthorised } from './denied.ts';
import type { Tokens } from './jwt.ts';
import { administrator, both, type Principal } from './principal.ts';
import type { PresentedSession, Sessions } from './sessions.ts';

/** What a request presents; absent headers are undefined. */
export interface Presented {
  readonly authorization: string | undefined;
  readonly apiKey: string | undefined;
  /** Of the header that the configuration names. */
  readonly certificate: string | undefined;
  /** Counts only where no key and no token is presented: a page with a session lets its reader try another key. */
  readonly session: PresentedSession | undefined;
  /** Address of the other end of the connection itself. */
  readonly peer: string;
}

export interface AuthenticatorOptions {
  /** May act for all organisations. Null: there is none. */
  readonly adminKey: string | null;
  readonly keys: ApiKeys;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly components: ComponentTokens;
  /** Null: not enabled; the header means nothing then. */
  readonly certificates: ClientCertificates | null;
}

export type Authenticator = (presented: Presented) => Promise<Principal>;

/** @returns a function that throws AccessDenied 401 (503) unless the caller has proven who it is */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { adminKey, keys, tokens, sessions, components, certificates } = options;
  const expected = adminKey === null ? null : digest(adminKey);

  async function bySecret(secret: string): Promise<Principal> {
    if (expected !== null && timingSafeEqual(digest(secret), expected)) return administrator();
    if (components.looksLikeToken(secret)) return components.authenticate(secret);
    if (tokens.looksLikeToken(secret)) return tokens.authenticate(secret);
    return keys.authenticate(secret);
  }

  return async (presented) => {
    const secret = secretOf(presented);
    const certificate =
      certificates !== null && presented.certificate !== undefined
        ? certificates.authenticate(presented.certificate, presented.peer)
        : null;
    const { session } = presented;
    const principal =
      secret !== null ? await bySecret(secret) : session !== undefined ? await sessions.authenticate(session) : null;
    if (principal === null) {
      if (certificate !== null) return certificate;
      throw unauthorised('A valid key is needed: "Authorization: Bearer <key>" or "X-API-Key".');
    }
    return certificate === null ? principal : both(principal, certificate);
  };
}

function secretOf({ authorization, apiKey }: Presented): string | null {
  const bearer = /^Bearer +([^\s]+)$/i.exec(authorization?.trim() ?? '')?.[1];
  const key = apiKey === undefined || apiKey === '' ? undefined : apiKey;
  if (bearer !== undefined && key !== undefined && bearer !== key) {
    throw unauthorised('"Authorization" and "X-API-Key" differ: send one of them.');
  }
  return bearer ?? key ?? null;
}

/** Both sides hashed: equal lengths, and no timing tells how much of a key was right. */
function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
