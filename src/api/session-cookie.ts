/** The cookie of a session: out of reach for scripts, sent only by our own pages. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SESSION_MS } from '../access/sessions.ts';

const NAME = 'chartsync_session';
/** Of a sign-in at an issuer: Lax, because the browser comes back to us from another site. */
const SIGN_IN_NAME = 'chartsync_sign_in';
const SIGN_IN_PATH = '/api/v1/session/oidc';

export const CSRF_HEADER = 'x-csrf-token';

export function sessionSecretOf(request: FastifyRequest): string | undefined {
  return find(request, NAME);
}

export function signInSecretOf(request: FastifyRequest): string | undefined {
  return find(request, SIGN_IN_NAME);
}

export function setSignInCookie(request: FastifyRequest, reply: FastifyReply, secret: string, seconds: number): void {
  reply.header('set-cookie', signInCookie(request, secret, seconds));
}

export function clearSignInCookie(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('set-cookie', signInCookie(request, '', 0));
}

export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, secret: string): void {
  reply.header('set-cookie', cookie(request, secret, SESSION_MS / 1000));
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('set-cookie', cookie(request, '', 0));
}

function find(request: FastifyRequest, name: string): string | undefined {
  return new RegExp(`(?:^|;\\s*)${name}=([^;]*)`).exec(request.headers.cookie ?? '')?.[1];
}

function cookie(request: FastifyRequest, value: string, seconds: number): string {
  return `${NAME}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure(request)}`;
}

function signInCookie(request: FastifyRequest, value: string, seconds: number): string {
  return `${SIGN_IN_NAME}=${value}; Path=${SIGN_IN_PATH}; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure(request)}`;
}

/** Not always: on the machine itself Chartsync is http, and browsers would not keep it. */
function secure(request: FastifyRequest): string {
  return request.protocol === 'https' ? '; Secure' : '';
}
