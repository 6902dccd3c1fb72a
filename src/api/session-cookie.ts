/** The cookie of a session: out of reach for scripts, sent only by our own pages. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SESSION_MS } from '../access/sessions.ts';

const NAME = 'chartsync_session';
const FIND = new RegExp(`(?:^|;\\s*)${NAME}=([^;]*)`);

export const CSRF_HEADER = 'x-csrf-token';

export function sessionSecretOf(request: FastifyRequest): string | undefined {
  return FIND.exec(request.headers.cookie ?? '')?.[1];
}

export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, secret: string): void {
  reply.header('set-cookie', cookie(request, secret, SESSION_MS / 1000));
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('set-cookie', cookie(request, '', 0));
}

function cookie(request: FastifyRequest, value: string, seconds: number): string {
  // Not always: on the machine itself Chartsync is http, and browsers would not keep it.
  const secure = request.protocol === 'https' ? '; Secure' : '';
  return `${NAME}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}
