/**
 * API keys, `cs_<id>_<secret>`. The secret is shown once, when the key is made; kept is its SHA-256. Each key belongs to one
 * organisation.
 */
import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import type { AuditEntry } from '../domain/audit-entry.ts';
import type { Scope } from '../domain/scopes.ts';
import type { Clock } from '../ports/clock.ts';
import type { ApiKey, KeyStore } from '../ports/key-store.ts';
import { type AccessDenied, unauthorised } from './denied.ts';
import type { Principal } from './principal.ts';

export interface IssuedKey {
  readonly key: ApiKey;
  /** The whole key text. Secret; there is no way to see it again. */
  readonly text: string;
}

export interface KeyRequest {
  readonly organizationId: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Epoch ms; null: never. */
  readonly expiresAt: number | null;
  readonly by: string;
}

export interface RotationRequest {
  readonly organizationId: string;
  readonly id: string;
  /** How long the old key stays valid beside the new one. */
  readonly overlapMs: number;
  /** Epoch ms. Absent: the new key lives as long as the old one was meant to. */
  readonly expiresAt?: number | null;
  readonly by: string;
}

export interface ApiKeys {
  /** Does this text have the form of a key? */
  looksLikeKey(text: string): boolean;
  /** @throws AccessDenied 401 */
  authenticate(text: string): Promise<Principal>;
  /** Who has proven to hold this key before. @throws AccessDenied 401 unless the key is still valid */
  recall(id: string): Promise<Principal>;
  issue(request: KeyRequest, audit: (keyId: string) => AuditEntry): Promise<IssuedKey>;
  list(organizationId: string): Promise<readonly ApiKey[]>;
  find(organizationId: string, id: string): Promise<ApiKey | null>;
  /** @returns false when there is no such key, or it was revoked before */
  revoke(organizationId: string, id: string, by: string, audit: AuditEntry): Promise<boolean>;
  /** @returns null when there is no such key, or it is revoked, expired or rotated already */
  rotate(request: RotationRequest, audit: (successorId: string) => AuditEntry): Promise<IssuedKey | null>;
}

const FORM = /^cs_([0-9a-z]{16})_([A-Za-z0-9_-]{43})$/;
const ID_DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';
/** Compared with when there is no such key: an unknown id takes as long as a wrong secret. */
const NO_HASH = '0'.repeat(64);
const TOUCH_MS = 60_000;

export type KeyState = 'active' | 'expired' | 'revoked';

export function stateOf(key: ApiKey, now: number): KeyState {
  if (key.revokedAt !== null) return 'revoked';
  return key.expiresAt !== null && Date.parse(key.expiresAt) <= now ? 'expired' : 'active';
}

export function createApiKeys(options: { store: KeyStore; clock: Clock }): ApiKeys {
  const { store, clock } = options;

  async function principalOf(key: ApiKey): Promise<Principal> {
    const state = stateOf(key, clock.now());
    if (state !== 'active') throw unauthorised(`This key is ${state}.`, { keyId: key.id });
    if (key.lastUsedAt === null || clock.now() - Date.parse(key.lastUsedAt) > TOUCH_MS) await store.touch(key.id);
    return { kind: 'key', id: key.id, organizations: [key.organizationId], scopes: key.scopes };
  }

  return {
    looksLikeKey: (text) => FORM.test(text),
    async authenticate(text) {
      const [, id = '', secret = ''] = FORM.exec(text) ?? [];
      if (id === '') throw wrong();
      const found = await store.find(id);
      if (!sameHash(hashOf(secret), found?.hash ?? NO_HASH) || found === null) {
        throw wrong(found === null ? undefined : id);
      }
      return principalOf(found.key);
    },
    async recall(id) {
      const found = await store.find(id);
      if (found === null) throw unauthorised('This key is not there any more.', { keyId: id });
      return principalOf(found.key);
    },
    async issue(request, audit) {
      const made = makeKey();
      const { organizationId, name, scopes, expiresAt, by } = request;
      const key = await store.create(
        { id: made.id, organizationId, name, hash: made.hash, scopes, createdBy: by, expiresAt },
        audit(made.id),
      );
      return { key, text: made.text };
    },
    list: (organizationId) => store.list(organizationId),
    find: async (organizationId, id) => {
      const found = await store.find(id);
      return found?.key.organizationId === organizationId ? found.key : null;
    },
    revoke: (organizationId, id, by, audit) => store.revoke(organizationId, id, by, audit),
    async rotate(request, audit) {
      const old = await store.find(request.id);
      if (old === null || old.key.organizationId !== request.organizationId) return null;
      const now = clock.now();
      const made = makeKey();
      const { organizationId, name, scopes } = old.key;
      const expiresAt = request.expiresAt === undefined ? sameLifetime(old.key, now) : request.expiresAt;
      const key = await store.rotate(
        request.id,
        { id: made.id, organizationId, name, hash: made.hash, scopes, createdBy: request.by, expiresAt },
        now + request.overlapMs,
        audit(made.id),
      );
      return key === null ? null : { key, text: made.text };
    },
  };
}

function sameLifetime(key: ApiKey, now: number): number | null {
  return key.expiresAt === null ? null : now + (Date.parse(key.expiresAt) - Date.parse(key.createdAt));
}

function makeKey(): { id: string; hash: string; text: string } {
  const id = Array.from({ length: 16 }, () => ID_DIGITS[randomInt(ID_DIGITS.length)]).join('');
  const secret = randomBytes(32).toString('base64url');
  return { id, hash: hashOf(secret), text: `cs_${id}_${secret}` };
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function sameHash(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'));
}

function wrong(keyId?: string): AccessDenied {
  return unauthorised('The key is not valid.', { guess: true, ...(keyId === undefined ? {} : { keyId }) });
}
