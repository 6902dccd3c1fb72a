/** `/api/v1/session`: who calls, and the session of the pages in the browser. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Session as SessionOfCookie } from '../../access/sessions.ts';
import { allows, ROLES, SCOPES, scopesOfRole } from '../../domain/scopes.ts';
import type { Access } from '../access.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { ORGANIZATION_HEADER, SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { clearSessionCookie, setSessionCookie } from '../session-cookie.ts';

export const SESSION_PATH = '/api/v1/session';

const Session = Type.Object(
  {
    kind: Type.Enum(['administrator', 'key', 'token', 'certificate']),
    id: Type.String({ description: 'Of the key or token; no secret.' }),
    role: Type.Union([Type.Enum([...ROLES]), Type.Null()], { description: 'The largest that the scopes make up.' }),
    scopes: Type.Array(Type.Enum([...SCOPES])),
    organizations: Type.Array(
      Type.Object({ id: Type.String(), name: Type.String(), time_zone: Type.String({ description: 'IANA zone.' }) }),
      { description: 'Those that the caller may ask about.' },
    ),
    csrf_token: Type.Union([Type.String(), Type.Null()], {
      description: 'For the header X-CSRF-Token of whatever is not a GET. Null: no session.',
    }),
    expires_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'When the session ends at the latest; an hour without a request ends it too.',
    }),
  },
  { $id: 'Session' },
);

const Credentials = Type.Object(
  { key: Type.String({ minLength: 1, maxLength: 500, description: 'An API key, or the administrator’s.' }) },
  { additionalProperties: false },
);

export function sessionRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = { tags: ['session'] };

  app.post<{ Body: { key: string } }>(
    SESSION_PATH,
    {
      schema: {
        ...common,
        summary: 'Sign in: a session for a key',
        description:
          'Sets a cookie that proves the same as the key: HttpOnly, SameSite=Strict. It ends after twelve hours, after an hour without a request, and with the key.',
        operationId: 'signIn',
        security: [],
        body: Credentials,
        response: { 201: { ...Session, description: 'Signed in.' }, ...refusals(400, 401, 429, 500, 503) },
      },
    },
    async (request, reply) => {
      // Whoever pastes a key brings its line end along.
      const session = await access.signIn(request, reply, request.body.key.trim());
      setSessionCookie(request, reply, session.secret);
      return reply.status(201).header('cache-control', 'no-store').send(answer(request, session));
    },
  );

  app.get(
    SESSION_PATH,
    {
      schema: {
        ...common,
        summary: 'Who am I?',
        description: 'For any kind of caller; about the session when there is one.',
        operationId: 'session',
        headers: SelectOrganization,
        response: { 200: { ...Session, description: 'The caller.' }, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      await checkNamed(request);
      return answer(request, await access.sessionOf(request));
    },
  );

  app.delete(
    SESSION_PATH,
    {
      schema: {
        ...common,
        summary: 'Sign out',
        operationId: 'signOut',
        headers: SelectOrganization,
        response: {
          200: Type.Object({ message: Type.String() }, { description: 'There is no session any more.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      await checkNamed(request);
      const ended = await access.signOut(request);
      clearSessionCookie(request, reply);
      return { message: ended ? 'Signed out' : 'There was no session' };
    },
  );

  /** Neither route is about one organisation; naming one of somebody else is refused here as everywhere. */
  async function checkNamed(request: FastifyRequest): Promise<void> {
    if (request.headers[ORGANIZATION_HEADER] !== undefined) await access.authorize(request, null);
  }

  function answer(request: FastifyRequest, session: SessionOfCookie | null) {
    const { kind, id, scopes, organizations } = access.principalOf(request);
    return {
      kind,
      id,
      role: ROLES.findLast((role) => scopesOfRole(role).every((scope) => allows(scopes, scope))) ?? null,
      scopes,
      organizations: services.organizations
        .filter((organization) => organizations === 'all' || organizations.includes(organization.id))
        .map(({ id, name, timeZone }) => ({ id, name, time_zone: timeZone })),
      csrf_token: session?.csrfToken ?? null,
      expires_at: session === null ? null : new Date(session.expiresAt).toISOString(),
    };
  }
}
