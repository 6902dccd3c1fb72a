/**
 * Who may do what. Deny by default: every route but the public ones needs a key.
 *
 * For now there is one key, the administrator's, which may act for any organisation.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { HttpError } from './errors.ts';

export interface Access {
  /** @throws HttpError 401 */
  authenticate(request: FastifyRequest): void;
  /** The organisation that the request is about. @throws HttpError 400, 404 */
  organizationOf(request: FastifyRequest): string;
}

export function createAccess(options: { adminKey: string; organizations: readonly string[] }): Access {
  const expected = digest(options.adminKey);
  return {
    authenticate(request) {
      const given = keyOf(request);
      if (given === null || !timingSafeEqual(digest(given), expected)) {
        throw new HttpError(
          401,
          'unauthorised',
          'A valid key is needed: "Authorization: Bearer <key>" or "X-API-Key".',
        );
      }
    },
    organizationOf(request) {
      const named = request.headers['x-organization-id'];
      if (Array.isArray(named) || named === '')
        throw new HttpError(400, 'invalid_request', 'X-Organization-ID is empty.');
      if (named !== undefined) {
        if (!options.organizations.includes(named)) throw new HttpError(404, 'not_found', 'No such organisation.');
        return named;
      }
      const [only] = options.organizations;
      if (options.organizations.length === 1 && only !== undefined) return only;
      throw new HttpError(400, 'invalid_request', 'Name the organisation in the header X-Organization-ID.');
    },
  };
}

/** Both sides hashed: equal lengths, and no timing tells how much of a key was right. */
function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function keyOf(request: FastifyRequest): string | null {
  const bearer = /^Bearer ([^\s]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const header = request.headers['x-api-key'];
  return bearer ?? (typeof header === 'string' && header !== '' ? header : null);
}
