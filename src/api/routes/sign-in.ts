/** `/api/v1/session/oidc`: signing in at an OpenID Connect issuer, for people at a browser. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type OidcSignIn, SIGN_IN_MS, SignInFailed, type SignInFailure } from '../../access/oidc-sign-in.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { refusals } from '../refusals.ts';
import { clearSignInCookie, setSessionCookie, setSignInCookie, signInSecretOf } from '../session-cookie.ts';

const PATH = '/api/v1/session/oidc';

/** Where nobody is signed in yet. */
export const SIGN_IN_PATHS: ReadonlySet<string> = new Set([PATH, `${PATH}/:provider`, `${PATH}/callback`]);

const redirect = (description: string) => Type.Null({ description });

export function signInRoutes(app: FastifyInstance, signIn: OidcSignIn, access: Access): void {
  const common = { tags: ['session'], security: [] };

  app.get(
    PATH,
    {
      schema: {
        ...common,
        summary: 'Where people can sign in',
        operationId: 'signInProviders',
        response: {
          200: Type.Object(
            {
              providers: Type.Array(
                Type.Object({ id: Type.String(), name: Type.String({ description: 'For the button.' }) }),
              ),
            },
            { description: 'The OpenID Connect issuers that the configuration lets people sign in at.' },
          ),
          ...refusals(429, 500),
        },
      },
    },
    async () => ({ providers: signIn.providers }),
  );

  app.get<{ Params: { provider: string }; Querystring: { next?: string } }>(
    `${PATH}/:provider`,
    {
      schema: {
        ...common,
        summary: 'Sign in at an issuer',
        description: 'For a browser: it goes to the issuer, and comes back to the callback.',
        operationId: 'beginSignIn',
        params: Type.Object({ provider: Type.String({ maxLength: 20, description: 'Id of a provider.' }) }),
        querystring: Type.Object(
          { next: Type.Optional(Type.String({ maxLength: 500, description: 'Path to go to afterwards.' })) },
          { additionalProperties: false },
        ),
        response: {
          302: redirect('To the issuer, or to the sign-in page when that is away.'),
          ...refusals(400, 404, 429, 500, 503),
        },
      },
    },
    async (request, reply) => {
      await access.countAnonymous(request);
      try {
        const next = ownPath(request.query.next);
        const begun = await signIn.begin(request.params.provider, originOf(request), next);
        if (begun === null) throw new HttpError(404, 'not_found', 'No such provider.');
        setSignInCookie(request, reply, begun.secret, SIGN_IN_MS / 1000);
        return await away(reply, begun.url);
      } catch (error) {
        return failed(request, reply, error);
      }
    },
  );

  app.get(
    `${PATH}/callback`,
    {
      schema: {
        ...common,
        summary: 'Back from an issuer',
        description: 'For a browser: begins the session and goes to the pages.',
        operationId: 'finishSignIn',
        response: {
          302: redirect('To the pages; to the sign-in page when nobody was signed in.'),
          ...refusals(429, 500, 503),
        },
      },
    },
    async (request, reply) => {
      await access.countAnonymous(request);
      const secret = signInSecretOf(request);
      clearSignInCookie(request, reply);
      try {
        const answer = request.url.split('?')[1] ?? '';
        const { claims, principal, next } = await signIn.finish(secret, originOf(request), answer);
        const session = await access.signInPerson(request, claims, principal);
        setSessionCookie(request, reply, session.secret);
        return await away(reply, next);
      } catch (error) {
        return failed(request, reply, error);
      }
    },
  );

  function failed(request: FastifyRequest, reply: FastifyReply, error: unknown) {
    if (!(error instanceof SignInFailed)) throw error;
    const { cause } = error;
    // What an issuer answers may name people: its kind is enough.
    request.log.warn({ code: error.reason, err: cause instanceof Error ? cause.name : undefined }, 'sign-in failed');
    const reason: SignInFailure = error.reason;
    return away(reply, `/sign-in?problem=${reason}`);
  }
}

/** Addresses of issuers carry codes: no page that follows may tell where its reader came from. */
function away(reply: FastifyReply, url: string): FastifyReply {
  return reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer').redirect(url, 302);
}

function originOf(request: FastifyRequest): string {
  return `${request.protocol}://${request.host}`;
}

/** Only a place of ours: an address may be made by anybody. */
function ownPath(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(next) ? next : '/';
}
