/** Who is signed in, for which organisation, and what that allows. The server decides; this decides what is offered. */
import { answerOf, api, identity, type Session } from './api/client.ts';

const CHOICE = 'chartsync.organization';
type Scope = Session['scopes'][number];

class CurrentSession {
  #session = $state.raw<Session | null>(null);
  #organizationId = $state<string | null>(null);

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
    await answerOf(api.DELETE('/api/v1/session'));
    this.forget();
  }
  forget(): void {
    this.#session = null;
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
    identity.csrfToken = session.csrf_token;
    const ids = session.organizations.map(({ id }) => id);
    const before = this.#organizationId ?? localStorage.getItem(CHOICE);
    const chosen = before !== null && ids.includes(before) ? before : ids[0];
    this.#organizationId = chosen ?? null;
    identity.organizationId = chosen ?? null;
  }
}

export const session = new CurrentSession();
