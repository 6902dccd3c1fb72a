/** Who is signed in, for which organisation, and what that allows. The server decides; this decides what is offered. */
import { answerOf, api, identity, type Session } from './api/client.ts';
import { asProblem } from './api/problem.ts';

const CHOICE = 'chartsync.organization';
type Scope = Session['scopes'][number];

class CurrentSession {
  #session = $state.raw<Session | null>(null);
  #organizationId = $state<string | null>(null);
  /** Since somebody signed in here the session has ended, or another person signed in: what is shown is not for who looks. */
  ended = $state<'over' | 'other' | null>(null);

  constructor() {
    identity.over = () => {
      if (this.#session !== null) this.ended = 'over';
    };
    identity.renew = () => this.check();
  }

  get current(): Session | null {
    return this.#session;
  }
  get organization(): Session['organizations'][number] | null {
    return this.#session?.organizations.find(({ id }) => id === this.#organizationId) ?? null;
  }
  /** IANA zone of the clinic. */
  get timeZone(): string {
    return this.organization?.time_zone ?? 'UTC';
  }
  can(scope: Scope): boolean {
    const scopes = this.#session?.scopes ?? [];
    return scopes.includes('admin') || scopes.includes(scope);
  }

  /** @throws Problem signed-out */
  async load(): Promise<void> {
    identity.organizationId = null;
    this.#take(await answerOf(api.GET('/api/v1/session')));
  }
  /** @throws Problem */
  async signIn(key: string): Promise<void> {
    identity.organizationId = null;
    this.#take(await answerOf(api.POST('/api/v1/session', { body: { key } })));
  }
  async signOut(): Promise<void> {
    try {
      await answerOf(api.DELETE('/api/v1/session'));
    } catch (error) {
      // Who is signed out already has what was asked for.
      if (asProblem(error).kind !== 'signed-out') throw error;
    }
    this.forget();
  }
  /** Asks whether it goes on. @returns false when it does not. @throws Problem when that cannot be known */
  async check(): Promise<boolean> {
    const before = this.#session;
    if (before === null) return false;
    const now = await answerOf(api.GET('/api/v1/session'));
    if (now.kind !== before.kind || now.id !== before.id) {
      this.ended = 'other';
      return false;
    }
    this.#take(now);
    return true;
  }
  forget(): void {
    this.#session = null;
    this.ended = null;
    identity.csrfToken = null;
    identity.organizationId = null;
  }
  choose(organizationId: string): void {
    this.#organizationId = organizationId;
    identity.organizationId = organizationId;
    localStorage.setItem(CHOICE, organizationId);
  }

  #take(session: Session): void {
    this.#session = session;
    this.ended = null;
    identity.csrfToken = session.csrf_token;
    const ids = session.organizations.map(({ id }) => id);
    const before = this.#organizationId ?? localStorage.getItem(CHOICE);
    const chosen = before !== null && ids.includes(before) ? before : ids[0];
    this.#organizationId = chosen ?? null;
    identity.organizationId = chosen ?? null;
  }
}

export const session = new CurrentSession();
