/** `/api/users`: the owners of filesets, whom earlier servers call users. Who may sign in is another matter: `/api/v1/users`. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { auditEntry } from '../../access/audit.ts';
import { normaliseUuid } from '../../domain/reference.ts';
import type { FilesetOwner } from '../../ports/fileset-owners.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const MOST = 1000;
const instant = () =>
  Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
    description: 'Null: only filesets name this user, nobody has written one down.',
  });
const user = {
  silknoteUserUuid: Type.String(),
  name: Type.Union([Type.String(), Type.Null()]),
  patients: Type.Integer({ minimum: 0, description: 'Whose fileset belongs to this user, alone or among others.' }),
  createdAt: instant(),
  updatedAt: instant(),
};
const name = Type.Union([Type.String({ minLength: 1, maxLength: 255 }), Type.Null()]);
const List = Type.Object(
  { users: Type.Array(Type.Object(user)), next: Type.Union([Type.String(), Type.Null()]) },
  { description: 'In the order of their UUIDs.' },
);
const ListQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST, description: `Default: ${MOST}.` })),
    after: Type.Optional(Type.String({ maxLength: 255, description: 'What the page before gave as "next".' })),
  },
  { additionalProperties: false },
);
const NewUser = Type.Object(
  {
    silknoteUserUuid: Type.Optional(Type.String({ format: 'uuid', description: 'Absent: a new one is made.' })),
    name: Type.Optional(name),
  },
  { additionalProperties: false },
);
const Change = Type.Object({ name }, { additionalProperties: false });
const UserUuid = Type.Object({ userUuid: Type.String({ description: 'silknoteUserUuid of the user.' }) });

type Named = { Params: { userUuid: string } };

export function filesetOwnerRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const { owners } = services;
  const common = { tags: ['documents'], headers: SelectOrganization };
  const one = { ...common, params: UserUuid };
  const answer = (description: string) => Type.Object(user, { description });

  app.get<{ Querystring: { limit?: number; after?: string } }>(
    '/api/users',
    {
      schema: {
        ...common,
        summary: 'Users to whom filesets belong',
        description: 'Those that filesets name, and those that were written down here.',
        operationId: 'filesetOwners',
        querystring: ListQuery,
        response: { 200: List, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'documents:read');
      await access.note(request, { organizationId, action: 'user.list' });
      const { limit = MOST, after = '' } = request.query;
      const found = await owners.list(organizationId, { limit: limit + 1, after: after.toLowerCase() });
      const users = found.slice(0, limit).map(userAnswer);
      return { users, next: found.length > limit ? (users.at(-1)?.silknoteUserUuid ?? null) : null };
    },
  );

  app.post<{ Body: { silknoteUserUuid?: string; name?: string | null } }>(
    '/api/users',
    {
      schema: {
        ...common,
        summary: 'Write a user down',
        description: 'Again for the same UUID it answers with what is there, and changes nothing.',
        operationId: 'createFilesetOwner',
        body: NewUser,
        response: {
          200: answer('The user was written down before.'),
          201: answer('The user is written down.'),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'documents:write');
      const { silknoteUserUuid = randomUUID(), name = null } = request.body;
      const ownerUuid = silknoteUserUuid.toLowerCase();
      const created = await owners.create(
        { organizationId, ownerUuid, name },
        entry(request, organizationId, 'user.create', ownerUuid),
      );
      return reply.status(created ? 201 : 200).send(userAnswer(await found(organizationId, ownerUuid)));
    },
  );

  app.get<Named>(
    '/api/users/:userUuid',
    {
      schema: {
        ...one,
        summary: 'One user to whom filesets belong',
        operationId: 'filesetOwner',
        response: { 200: answer('The user.'), ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'documents:read');
      const owner = await found(organizationId, uuidOf(request));
      await access.note(request, {
        organizationId,
        action: 'user.read',
        subject: { kind: 'user', id: owner.ownerUuid },
      });
      return userAnswer(owner);
    },
  );

  for (const [method, operationId] of [
    ['put', 'renameFilesetOwner'],
    ['patch', 'changeFilesetOwner'],
  ] as const) {
    app[method]<Named & { Body: { name: string | null } }>(
      '/api/users/:userUuid',
      {
        schema: {
          ...one,
          summary: 'Change the name of a user',
          operationId,
          body: Change,
          response: { 200: answer('The user with this name.'), ...refusals(...ACCESS_REFUSALS) },
        },
      },
      async (request) => {
        const organizationId = await access.authorize(request, 'documents:write');
        const ownerUuid = uuidOf(request);
        const audit = entry(request, organizationId, 'user.rename', ownerUuid);
        if (!(await owners.rename({ organizationId, ownerUuid, name: request.body.name }, audit))) throw noUser();
        return userAnswer(await found(organizationId, ownerUuid));
      },
    );
  }

  app.delete<Named>(
    '/api/users/:userUuid',
    {
      schema: {
        ...one,
        summary: 'Forget a user',
        description: '409 while the fileset of a patient belongs to the user.',
        operationId: 'removeFilesetOwner',
        response: {
          204: { description: 'There is no such user any more.', type: 'null' },
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'documents:write');
      const ownerUuid = uuidOf(request);
      const audit = entry(request, organizationId, 'user.remove', ownerUuid);
      const result = await owners.remove(organizationId, ownerUuid, audit);
      if (result === 'unknown') throw noUser();
      if (result !== 'removed') {
        throw new HttpError(409, 'user_owns_filesets', 'Filesets of patients belong to this user.', {
          patients: result,
        });
      }
      return reply.status(204).send();
    },
  );

  async function found(organizationId: string, ownerUuid: string): Promise<FilesetOwner> {
    const owner = await owners.find(organizationId, ownerUuid);
    if (owner === null) throw noUser();
    return owner;
  }

  function uuidOf(request: FastifyRequest): string {
    const uuid = normaliseUuid((request.params as Named['Params']).userUuid);
    if (uuid === null) throw noUser();
    return uuid;
  }

  /** Without the name: that is about a person. */
  function entry(request: FastifyRequest, organizationId: string, action: string, ownerUuid: string) {
    return auditEntry(access.deedOf(request, { organizationId, action, subject: { kind: 'user', id: ownerUuid } }));
  }
}

function userAnswer({ ownerUuid, name, filesets, createdAt, updatedAt }: FilesetOwner) {
  return { silknoteUserUuid: ownerUuid, name, patients: filesets, createdAt, updatedAt };
}

function noUser(): HttpError {
  return new HttpError(404, 'not_found', 'No such user.');
}
