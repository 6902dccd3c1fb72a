/** Who may come in, and for how long. */
import { randomBytes } from 'node:crypto';
import type { PortalVariant } from './portal.ts';
import type { Account, Clinic } from './world.ts';

export interface Session {
  readonly id: string;
  readonly clinic: Clinic;
  readonly account: Account;
  readonly startedAt: number;
  lastUsedAt: number;
  /** For writes; there is none until a page was visited. */
  csrfToken: string | null;
  /** Calls that wait for their answer. */
  openCalls: number;
}

export type LoginResult =
  | { readonly kind: 'in'; readonly session: Session }
  | { readonly kind: 'code needed'; readonly pending: string }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'locked' };

export interface Sessions {
  readonly all: ReadonlyMap<string, Session>;
  login(companyId: string | null, username: string, password: string): LoginResult;
  /** The second step. Null: wrong code, or no first step. */
  enterCode(pending: string, code: string): Session | null;
  /** Counts as use. Null when it has ended. */
  find(id: string | undefined): Session | null;
  end(id: string): void;
  /** As an administrator of the portal might. */
  endAll(): void;
  /** Wrong passwords are forgotten. */
  unlock(): void;
}

export function createSessions(clinics: readonly Clinic[], variant: PortalVariant, now: () => number): Sessions {
  const all = new Map<string, Session>();
  const pendings = new Map<string, { clinic: Clinic; account: Account }>();
  const failures = new Map<Account, { count: number; lockedAt: number | null }>();

  const open = (clinic: Clinic, account: Account): Session => {
    if (variant.singleSession) {
      for (const [id, session] of all) if (session.account === account) all.delete(id);
    }
    const session: Session = {
      id: randomBytes(20).toString('hex'),
      clinic,
      account,
      startedAt: now(),
      lastUsedAt: now(),
      csrfToken: null,
      openCalls: 0,
    };
    all.set(session.id, session);
    return session;
  };

  const isLocked = (account: Account): boolean => {
    const failed = failures.get(account);
    if (!failed || failed.lockedAt === null) return false;
    if (now() - failed.lockedAt < variant.lockMinutes * 60_000) return true;
    failures.delete(account);
    return false;
  };

  return {
    all,
    login: (companyId, username, password) => {
      for (const clinic of clinics) {
        if (companyId !== null && clinic.companyId !== companyId) continue;
        const account = clinic.accounts.find((candidate) => candidate.username === username);
        if (!account) continue;
        if (isLocked(account)) return { kind: 'locked' };
        if (account.password !== password) {
          const count = (failures.get(account)?.count ?? 0) + 1;
          const locks = variant.lockAfter !== null && count >= variant.lockAfter;
          failures.set(account, { count, lockedAt: locks ? now() : null });
          return { kind: locks ? 'locked' : 'wrong' };
        }
        failures.delete(account);
        if (variant.secondFactor === 'none') return { kind: 'in', session: open(clinic, account) };
        const pending = randomBytes(20).toString('hex');
        pendings.set(pending, { clinic, account });
        return { kind: 'code needed', pending };
      }
      return { kind: 'wrong' };
    },
    enterCode: (pending, code) => {
      const found = pendings.get(pending);
      if (!found || found.account.code !== code) return null;
      pendings.delete(pending);
      return open(found.clinic, found.account);
    },
    find: (id) => {
      const session = id === undefined ? undefined : all.get(id);
      if (!session) return null;
      const time = now();
      const isOver =
        time - session.lastUsedAt > variant.idleMinutes * 60_000 ||
        time - session.startedAt > variant.absoluteMinutes * 60_000;
      if (isOver) {
        all.delete(session.id);
        return null;
      }
      session.lastUsedAt = time;
      return session;
    },
    end: (id) => {
      all.delete(id);
    },
    endAll: () => all.clear(),
    unlock: () => failures.clear(),
  };
}
