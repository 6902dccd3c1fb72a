/** Sessions of portals: sealed and shared by all machines, or, without an encryption key, in the memory of this process only. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { SyncError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { ConnectionKey } from '../ports/document-records.ts';
import type { PortalSession, PortalSessions, RefusalStore, SealedSessionStore } from '../ports/portal-sessions.ts';
import { type EncryptionKeys, keyOf, seal, unseal } from './seal.ts';

/** The portal's own limits are unknown; these are careful. */
const IDLE_MS = 20 * 60_000;
const ABSOLUTE_MS = 8 * 3600_000;
const PURPOSE = 'chartsync portal session';

export function createPortalSessions(options: {
  readonly store: SealedSessionStore;
  readonly refusals: RefusalStore;
  readonly keys: EncryptionKeys;
  readonly clock: Clock;
}): PortalSessions {
  const { store, keys, clock } = options;
  const refusals = rememberRefusals(options.refusals);
  if (keys.current === null) return { ...inMemory(clock), ...refusals };
  const current = keyOf(keys.current);
  const known = new Map([current, ...keys.old.map(keyOf)].map((key) => [key.id, key]));
  return {
    async load(key) {
      const sealed = await store.get(key, IDLE_MS);
      const by = sealed === null ? undefined : known.get(sealed.keyId);
      if (sealed === null || by === undefined) return null;
      try {
        const session = unseal(by, PURPOSE, sealed) as PortalSession;
        return clock.now() - session.loggedInAt < ABSOLUTE_MS ? session : null;
      } catch (error) {
        // What cannot be opened is worth a login, not a failure.
        if (error instanceof SyncError) return null;
        throw error;
      }
    },
    save: (key, session) => store.put(seal(current, PURPOSE, key, session)),
    touch: (key) => store.touch(key),
    remove: (key) => store.remove(key),
    ...refusals,
  };
}

type Refusals = Pick<PortalSessions, 'refusal' | 'refuse'>;

const digestOf = promisify<string, Buffer, number, Buffer>(scrypt);
const DIGEST_SIZE = 32;

/** Shared also without an encryption key: else each process would try once more. */
function rememberRefusals(store: RefusalStore): Refusals {
  return {
    async refusal(key, owner) {
      const stored = await store.get(key);
      if (stored === null) return null;
      const { salt, digest, code, at } = stored;
      return timingSafeEqual(await digestOf(owner, salt, DIGEST_SIZE), digest) ? { code, at } : null;
    },
    async refuse(key, owner, code) {
      const salt = randomBytes(16);
      await store.put(key, { salt, digest: await digestOf(owner, salt, DIGEST_SIZE), code });
    },
  };
}

function inMemory(clock: Clock): Omit<PortalSessions, keyof Refusals> {
  const sessions = new Map<string, { session: PortalSession; usedAt: number }>();
  const nameOf = ({ organizationId, connectionId }: ConnectionKey) => `${organizationId}/${connectionId}`;
  return {
    async load(key) {
      const found = sessions.get(nameOf(key));
      const now = clock.now();
      if (found === undefined || now - found.usedAt >= IDLE_MS) return null;
      return now - found.session.loggedInAt < ABSOLUTE_MS ? found.session : null;
    },
    async save(key, session) {
      sessions.set(nameOf(key), { session, usedAt: clock.now() });
    },
    async touch(key) {
      const found = sessions.get(nameOf(key));
      if (found !== undefined) found.usedAt = clock.now();
    },
    async remove(key) {
      sessions.delete(nameOf(key));
    },
  };
}
