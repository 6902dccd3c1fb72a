/** `/api/v1/users`: people who signed in at an OpenID Connect issuer. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { allows, ROLES, SCOPES, scopesOfRole } from '../../domain/scopes.ts';
import type { Access } from '../access.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const User = Type.Object({
  issuer: Type.String(),
  subject: Type.String({ description: 'Who it is to the issuer; never a name of ours.' }),
  role: Type.Union([Type.Enum([...ROLES]), Type.Null()], { description: 'The largest that the scopes make up.' }),
  scopes: Type.Array(Type.Enum([...SCOPES]), { description: 'What the last sign-in gave.' }),
  first_at: Type.String({ format: 'date-time', description: 'First sign-in.' }),
  last_at: Type.String({ format: 'date-time', description: 'Last sign-in.' }),
});

export function userRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get(
    '/api/v1/users',
    {
      schema: {
        summary: 'People who signed in at an issuer',
        description: 'What they may do is decided by the issuer’s claims and the configuration, not here.',
        operationId: 'listUsers',
        tags: ['keys'],
        headers: SelectOrganization,
        response: {
          200: Type.Object({ users: Type.Array(User) }, { description: 'The last to sign in first.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'keys:write');
      const people = await services.people(organizationId);
      return {
        users: people.map(({ issuer, subject, scopes, firstAt, lastAt }) => ({
          issuer,
          subject,
          role: ROLES.findLast((role) => scopesOfRole(role).every((scope) => allows(scopes, scope))) ?? null,
          scopes,
          first_at: firstAt,
          last_at: lastAt,
        })),
      };
    },
  );
}
