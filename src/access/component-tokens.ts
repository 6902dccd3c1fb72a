/**
 * Tokens for a page that shows one patient, `ct_<id>_<secret>`. The holder of a key asks for one on its server and gives it to
 * the browser instead of the key. It opens the routes of this patient only, for some minutes, and no longer than the key is
 * valid.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AuditEntry } from '../domain/audit-entry.ts';
import { allows, type Scope } from '../domain/scopes.ts';
import type { Clock } from '../ports/clock.ts';
import type { ComponentTokenStore } from '../ports/component-token-store.ts';
import type { ApiKeys } from './api-keys.ts';
import { AccessDenied, unauthorised } from './denied.ts';
import { mayGrant, type Principal } from './principal.ts';

export const COMPONENT_SCOPES = ['documents:read', 'documents:write', 'sync:run'] as const satisfies readonly Scope[];
export type ComponentScope = (typeof COMPONENT_SCOPES)[number];
export const LONGEST_COMPONENT_TOKEN_MS = 15 * 60_000;

export interface ComponentTokenRequest {
  readonly by: Principal;
  readonly organizationId: string;
  readonly patientUuid: string;
  readonly scopes: readonly ComponentScope[];
  readonly lifetimeMs: number;
}

export interface ComponentTokens {
  looksLikeToken(text: string): boolean;
  /** @throws AccessDenied 401 */
  authenticate(text: string): Promise<Principal>;
  /** @throws AccessDenied 403 unless the caller proved itself by a key that has these scopes */
  issue(
    request: ComponentTokenRequest,
    audit: AuditEntry,
  ): Promise<{ readonly token: string; readonly expiresAt: number }>;
  tidy(): Promise<void>;
}

const FORM = /^ct_([0-9a-f]{24})_([A-Za-z0-9_-]{43})$/;
const NO_HASH = '0'.repeat(64);

export function createComponentTokens(options: {
  readonly store: ComponentTokenStore;
  readonly keys: ApiKeys;
  readonly clock: Clock;
}): ComponentTokens {
  const { store, keys, clock } = options;
  return {
    looksLikeToken: (text) => FORM.test(text),
    async authenticate(text) {
      const [, id = '', secret = ''] = FORM.exec(text) ?? [];
      const found = id === '' ? null : await store.find(id);
      // An unknown id takes as long as a wrong secret. One that was tidied away is no guess either.
      const right = timingSafeEqual(Buffer.from(hashOf(secret), 'hex'), Buffer.from(found?.hash ?? NO_HASH, 'hex'));
      if (found === null) throw unauthorised('The token is over. Ask for a new one.');
      if (!right) throw unauthorised('The token is not valid.', { guess: true });
      if (found.expiresAt <= clock.now()) throw unauthorised('The token is over. Ask for a new one.');
      const key = await keys.recall(found.keyId);
      const own = key.organizations === 'all' ? [] : key.organizations.filter((id) => id === found.organizationId);
      return {
        kind: 'component',
        id: `${found.keyId}/${found.id}`,
        organizations: own,
        scopes: found.scopes.filter((scope) => allows(key.scopes, scope)),
        patientUuid: found.patientUuid,
      };
    },
    async issue({ by, organizationId, patientUuid, scopes, lifetimeMs }, audit) {
      // What a token of an identity provider or the administrator's key gave could not be taken back with a key.
      if (by.kind !== 'key') throw new AccessDenied(403, 'key_needed', 'This needs an API key of the organisation.');
      if (!mayGrant(by, scopes)) {
        throw new AccessDenied(403, 'insufficient_scope', 'The key has not all of these scopes itself.');
      }
      const id = randomBytes(12).toString('hex');
      const secret = randomBytes(32).toString('base64url');
      const expiresAt = clock.now() + Math.min(lifetimeMs, LONGEST_COMPONENT_TOKEN_MS);
      await store.create(
        { id, hash: hashOf(secret), organizationId, patientUuid, keyId: by.id, scopes, expiresAt },
        audit,
      );
      return { token: `ct_${id}_${secret}`, expiresAt };
    },
    tidy: () => store.purge(clock.now()),
  };
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
