/** Access as the routes see it: who calls, for which organisation, how often, and what is written down of it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { auditEntry, audited, type Deed } from '../access/audit.ts';
import type { Authenticator, Presented } from '../access/authenticate.ts';
import { authorize } from '../access/authorize.ts';
import { AccessDenied } from '../access/denied.ts';
import type { IssuerClaims } from '../access/jwt.ts';
import { actorOf, type Principal } from '../access/principal.ts';
import type { RateLimits } from '../access/rate-limit.ts';
import type { Session, Sessions } from '../access/sessions.ts';
import type { AuditActor, AuditDetails } from '../domain/audit-entry.ts';
import { normaliseUuid } from '../domain/reference.ts';
import type { Scope } from '../domain/scopes.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import { announceAllowance } from './errors.ts';
import { CSRF_HEADER, sessionSecretOf } from './session-cookie.ts';

/** What a route did; the caller and the request are known. */
export type RouteDeed = Omit<Deed, 'actor' | 'requestId'>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Open to tokens for one patient. patient: the parameter `uuid` must name that patient; document: the route itself keeps
     * to {@link Access.patientOf}.
     */
    readonly component?: 'patient' | 'document';
  }
}

/** What access looks at: of an HTTP request, or of the handshake of a socket. */
export type Asking = Pick<FastifyRequest, 'id' | 'ip' | 'method' | 'headers' | 'log'> & {
  readonly socket: { readonly remoteAddress?: string | undefined };
};

export interface Access {
  /** Every request but the public ones passes here first. @throws AccessDenied 401, 503; RateLimited */
  admit(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** A handshake: keys and tokens only, since browsers send cookies for every page. @throws like `admit` */
  admitSocket(handshake: Asking, proof: Pick<Presented, 'authorization' | 'apiKey'>): Promise<void>;
  /** Whether what the caller presented would be accepted now: of those who stay for long. */
  isStillValid(request: Asking): Promise<boolean>;
  /** The only patient that the caller may ask about; null: all of its organisations. */
  patientOf(request: Asking): string | null;
  /** Begins a session with a key. @returns with the secret for the cookie. @throws AccessDenied 400, 401; RateLimited */
  signIn(request: FastifyRequest, reply: FastifyReply, key: string): Promise<Session & { readonly secret: string }>;
  /** Begins a session for whom an issuer has just vouched. @returns with the secret for the cookie */
  signInPerson(
    request: FastifyRequest,
    claims: IssuerClaims,
    principal: Principal,
  ): Promise<Session & { readonly secret: string }>;
  /** Before anybody is known. @throws RateLimited */
  countAnonymous(request: FastifyRequest): Promise<void>;
  /** Ends the session that the request was made with. @returns false when it was made with none */
  signOut(request: FastifyRequest): Promise<boolean>;
  /** The session that the request was made with; null: none. */
  sessionOf(request: FastifyRequest): Promise<Session | null>;
  /**
   * @param scope null: anybody who is known
   * @param path the organisation as the path names it
   * @returns the organisation that the request is about. @throws AccessDenied 400, 403, 404
   */
  authorize(request: Asking, scope: Scope | null, path?: string): Promise<string>;
  /** All organisations that the caller may ask about, for routes that are about none in particular. */
  authorizeAll(request: FastifyRequest, scope: Scope): Promise<readonly string[]>;
  principalOf(request: Asking): Principal;
  /** One start of a run. @throws RateLimited */
  countStart(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** Does the work and writes down how it went. */
  audited<T>(
    request: FastifyRequest,
    deed: RouteDeed,
    work: () => Promise<T>,
    about?: (result: T) => { readonly subject?: RouteDeed['subject']; readonly details?: AuditDetails },
  ): Promise<T>;
  /** Writes down what is about to be done. Rejects when it cannot: then it is not done. */
  note(request: Asking, deed: RouteDeed): Promise<void>;
  /** For ports that write the entry in the transaction of the change. */
  deedOf(request: Asking, deed: RouteDeed): Deed;
}

export interface AccessOptions {
  readonly authenticate: Authenticator;
  readonly sessions: Sessions;
  readonly rateLimits: RateLimits;
  readonly audit: AuditLog;
  /** Ids of the configured organisations. */
  readonly organizations: readonly string[];
  /** Lower case; null: client certificates are not enabled. */
  readonly certificateHeader: string | null;
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const ANONYMOUS: AuditActor = { kind: 'anonymous', id: 'anonymous' };

export function createAccess(options: AccessOptions): Access {
  const { audit, rateLimits, sessions } = options;
  const principals = new WeakMap<Asking, Principal>();
  const presentations = new WeakMap<Asking, Presented>();

  function principalOf(request: Asking): Principal {
    const principal = principals.get(request);
    if (principal === undefined) throw new AccessDenied(401, 'unauthorised', 'A valid key is needed.');
    return principal;
  }

  function deedOf(request: Asking, deed: RouteDeed): Deed {
    return { ...deed, actor: actorOf(principalOf(request)), requestId: request.id };
  }

  function sessionDeed(request: FastifyRequest, action: string): Deed {
    const { organizations } = principalOf(request);
    const organizationId = organizations === 'all' ? null : (organizations[0] ?? null);
    return deedOf(request, { organizationId, action });
  }

  /** A refusal is news once a minute; the log of denials must not be a way to fill the disk. */
  async function noteDenial(request: Asking, actor: AuditActor, denied: AccessDenied): Promise<void> {
    if (denied.status !== 401 && denied.status !== 403) return;
    if (!(await rateLimits.isNews(`${denied.type} ${actor.kind} ${actor.id} ${request.ip}`))) return;
    const details = denied.keyId === null ? {} : { keyId: denied.keyId };
    const deed = { organizationId: null, actor, action: 'access.denied', requestId: request.id, details };
    // The refusal stands whether it can be written down or not.
    await audit.append(auditEntry(deed, 'refused', { type: denied.type })).catch(() => {
      request.log.warn({ code: 'database_unavailable' }, 'a refusal could not be audited');
    });
  }

  async function identify(
    request: Asking,
    reply: FastifyReply | null,
    proof: Pick<Presented, 'authorization' | 'apiKey' | 'session'>,
  ): Promise<Principal> {
    await rateLimits.address(request.ip);
    await rateLimits.mayAuthenticate(request.ip);
    const { certificateHeader } = options;
    const presented: Presented = {
      ...proof,
      certificate: certificateHeader === null ? undefined : header(request, certificateHeader),
      peer: request.socket.remoteAddress ?? '',
    };
    try {
      const principal = await options.authenticate(presented);
      principals.set(request, principal);
      presentations.set(request, presented);
      const allowance = await rateLimits.request(`${principal.kind} ${principal.id}`);
      if (allowance !== null && reply !== null) announceAllowance(reply, allowance);
      return principal;
    } catch (error) {
      if (error instanceof AccessDenied) {
        if (error.guess) await rateLimits.failedAuthentication(request.ip);
        await noteDenial(request, ANONYMOUS, error);
      }
      throw error;
    }
  }

  /** A token for one patient opens the routes that say so, and of these only those of its patient. */
  async function keepToPatient(request: FastifyRequest): Promise<void> {
    const principal = principalOf(request);
    if (principal.patientUuid === undefined) return;
    const { component } = request.routeOptions.config;
    if (component === undefined) {
      const denied = new AccessDenied(403, 'component_token', 'This token is for the documents of one patient only.');
      await noteDenial(request, actorOf(principal), denied);
      throw denied;
    }
    const { uuid } = request.params as { uuid?: string };
    if (component === 'patient' && normaliseUuid(uuid ?? '') !== principal.patientUuid) {
      throw new AccessDenied(404, 'not_found', 'No such patient.');
    }
  }

  /** A key or a token counts before the cookie. */
  function sessionSecret(request: FastifyRequest): string | undefined {
    const { authorization, 'x-api-key': apiKey } = request.headers;
    return authorization === undefined && apiKey === undefined ? sessionSecretOf(request) : undefined;
  }

  return {
    principalOf,
    deedOf,
    async admit(request, reply) {
      const secret = sessionSecret(request);
      await identify(request, reply, {
        authorization: request.headers.authorization,
        apiKey: header(request, 'x-api-key'),
        session:
          secret === undefined
            ? undefined
            : { secret, unsafe: !SAFE.has(request.method), csrfToken: header(request, CSRF_HEADER) },
      });
      await keepToPatient(request);
      // What a signed-in person saw must not be in the browser after them.
      if (secret !== undefined) reply.header('cache-control', 'no-store');
    },
    async admitSocket(handshake, proof) {
      await identify(handshake, null, { ...proof, session: undefined });
    },
    async isStillValid(request) {
      const presented = presentations.get(request);
      if (presented === undefined) return false;
      const before = principalOf(request);
      try {
        const now = await options.authenticate(presented);
        return now.kind === before.kind && now.id === before.id && before.scopes.every((s) => now.scopes.includes(s));
      } catch (error) {
        // Of a database that is away nothing can be said: who was let in may stay until it is back.
        return !(error instanceof AccessDenied) || error.status === 503;
      }
    },
    patientOf: (request) => principalOf(request).patientUuid ?? null,
    async signIn(request, reply, key) {
      const principal = await identify(request, reply, { authorization: undefined, apiKey: key, session: undefined });
      return sessions.begin(principal, auditEntry(sessionDeed(request, 'session.begin')));
    },
    signInPerson(request, claims, principal) {
      principals.set(request, principal);
      return sessions.beginPerson(claims, auditEntry(sessionDeed(request, 'session.begin')));
    },
    countAnonymous: (request) => rateLimits.address(request.ip),
    async signOut(request) {
      const secret = sessionSecret(request);
      return secret !== undefined && sessions.end(secret, auditEntry(sessionDeed(request, 'session.end')));
    },
    async sessionOf(request) {
      const secret = sessionSecret(request);
      return secret === undefined ? null : sessions.find(secret);
    },
    async authorizeAll(request, scope) {
      const { organizations } = principalOf(request);
      const named = request.headers['x-organization-id'] !== undefined;
      if (!named && organizations === 'all') return options.organizations;
      const own = organizations === 'all' ? [] : organizations.filter((id) => options.organizations.includes(id));
      if (named || own.length < 2) return [await this.authorize(request, scope)];
      return Promise.all(own.map((id) => this.authorize(request, scope, id)));
    },
    async authorize(request, scope, path) {
      const principal = principalOf(request);
      const named = request.headers['x-organization-id'];
      try {
        return authorize({
          principal,
          scope,
          path: path ?? null,
          header: named === undefined ? null : String(named),
          organizations: options.organizations,
        });
      } catch (error) {
        if (error instanceof AccessDenied) await noteDenial(request, actorOf(principal), error);
        throw error;
      }
    },
    async countStart(request, reply) {
      const { kind, id } = principalOf(request);
      const allowance = await rateLimits.syncStart(`${kind} ${id}`);
      if (allowance !== null) announceAllowance(reply, allowance);
    },
    audited: (request, deed, work, about) => audited(audit, deedOf(request, deed), work, about),
    note: (request, deed) => audit.append(auditEntry(deedOf(request, deed))),
  };
}

function header(request: Pick<Asking, 'headers'>, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}
