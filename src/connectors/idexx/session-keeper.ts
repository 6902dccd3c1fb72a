/**
 * The one session of a connection: taken from the store while it is good, else a login. However many calls find it ended, one login
 * follows; and credentials that were refused are not tried again, by whatever process, because the portal locks accounts.
 */
import { createHash } from 'node:crypto';
import { SyncError } from '../../domain/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ConnectionKey } from '../../ports/document-records.ts';
import type { PortalCookie, PortalSession, PortalSessions } from '../../ports/portal-sessions.ts';
import type { IdexxCredentials } from './login.ts';

export interface SessionKeeper {
  /** A run begins: what failed before may be tried again, once. */
  begin(): void;
  current(signal: AbortSignal): Promise<PortalSession>;
  /** @param ended the session that the portal does not accept any more */
  renew(ended: PortalSession, signal: AbortSignal): Promise<PortalSession>;
  /** A call succeeded. */
  used(session: PortalSession, cookies: readonly PortalCookie[]): Promise<void>;
}

export interface SessionKeeperOptions {
  readonly key: ConnectionKey;
  readonly sessions: PortalSessions;
  readonly clock: Clock;
  readonly credentials: () => Promise<IdexxCredentials | null>;
  readonly login: (credentials: IdexxCredentials, signal: AbortSignal) => Promise<readonly PortalCookie[]>;
}

/** A portal that ends each session at once would be logged in to for ever. */
const LOGINS_PER_RUN = 3;
const TOUCH_MS = 60_000;
const REFUSALS: ReadonlySet<string> = new Set(['source_credentials', 'second_factor_required']);

export function createSessionKeeper(options: SessionKeeperOptions): SessionKeeper {
  const { key, sessions, clock } = options;
  let present: PortalSession | null = null;
  let opening: Promise<PortalSession> | null = null;
  let refused: SyncError | null = null;
  let logins = 0;
  let touchedAt = 0;

  async function open(ended: PortalSession | null, signal: AbortSignal): Promise<PortalSession> {
    const credentials = await options.credentials();
    if (credentials === null) {
      throw new SyncError('credentials_missing', { detail: 'companyId, username and password are needed.' });
    }
    const owner = digestOf(credentials);
    const stored = await sessions.load(key);
    const isOther = stored !== null && !(ended !== null && sameCookies(stored, ended));
    if (stored !== null && isOther && stored.owner === owner) return stored;
    if (refused !== null) throw refused;
    const before = await sessions.refusal(key, owner);
    if (before !== null) {
      throw new SyncError(before.code, {
        detail: `That was at ${new Date(before.at).toISOString()}; the same ones are not tried again until the connection is resumed.`,
      });
    }
    if (logins >= LOGINS_PER_RUN) {
      throw new SyncError('source_failed', {
        action: 'fail',
        detail: 'The portal ends each session soon after its login.',
      });
    }
    logins++;
    try {
      const cookies = await options.login(credentials, signal);
      const session = { owner, cookies, loggedInAt: clock.now() };
      await sessions.save(key, session);
      touchedAt = clock.now();
      return session;
    } catch (error) {
      if (error instanceof SyncError && REFUSALS.has(error.code)) {
        refused = error;
        await sessions.refuse(key, owner, error.code);
      }
      throw error;
    }
  }

  function openOnce(ended: PortalSession | null, signal: AbortSignal): Promise<PortalSession> {
    opening ??= open(ended, signal)
      .then((session) => {
        present = session;
        return session;
      })
      .finally(() => {
        opening = null;
      });
    return opening;
  }

  return {
    begin() {
      // Another machine may have logged in since, or somebody changed the credentials.
      present = null;
      refused = null;
      logins = 0;
    },
    async current(signal) {
      return present ?? openOnce(null, signal);
    },
    async renew(ended, signal) {
      // Somebody else has done it.
      if (present !== null && present !== ended) return present;
      present = null;
      return openOnce(ended, signal);
    },
    async used(session, cookies) {
      if (session !== present) return;
      if (cookies !== session.cookies) {
        present = { ...session, cookies };
        await sessions.save(key, present);
        return;
      }
      if (clock.now() - touchedAt < TOUCH_MS) return;
      touchedAt = clock.now();
      await sessions.touch(key);
    },
  };
}

function digestOf({ companyId, username, password }: IdexxCredentials): string {
  return createHash('sha256')
    .update(JSON.stringify([companyId, username, password]))
    .digest('base64');
}

function sameCookies(a: PortalSession, b: PortalSession): boolean {
  return JSON.stringify(a.cookies) === JSON.stringify(b.cookies);
}
