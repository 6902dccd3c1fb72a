/** `/api/v1/connections/:connectionId/credentials`: write-only. They can be stored, replaced and removed, never read. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { auditEntry } from '../../access/audit.ts';
import { type Connection, CREDENTIAL_FIELDS, credentialsFor } from '../../runs/connections.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const PATH = '/api/v1/connections/:connectionId/credentials';

const Presence = Type.Object(
  {
    connection_id: Type.String(),
    stored: Type.Boolean(),
    readable: Type.Boolean({ description: 'The configured encryption keys open them.' }),
    key_id: Type.Union([Type.String(), Type.Null()], { description: 'Of the encryption key; no secret.' }),
    updated_at: Type.Union([Type.String(), Type.Null()]),
    updated_by: Type.Union([Type.String(), Type.Null()]),
  },
  { description: 'Whether there are any. Never what they are.' },
);

const ConnectionPath = Type.Object({
  connectionId: Type.String({ maxLength: 64, description: 'Id of the connection.' }),
});

const secret = () => Type.String({ minLength: 1, maxLength: 1000 });

/** Which of them a connection wants depends on its kind. */
const Credentials = Type.Object(
  {
    companyId: Type.Optional(Type.String({ minLength: 1, maxLength: 1000, description: 'Of IDEXX Neo.' })),
    username: Type.Optional(secret()),
    password: Type.Optional(secret()),
    apiKey: Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]{8,200}$', description: 'Of Cliniko.' })),
  },
  { additionalProperties: false },
);

interface Params {
  Params: { connectionId: string };
}

export function credentialRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const { credentials } = services;
  const common = { tags: ['connections'], headers: SelectOrganization, params: ConnectionPath };

  const connectionOf = (organizationId: string, connectionId: string): Connection => {
    const found = services.connections.find((c) => c.organizationId === organizationId && c.id === connectionId);
    if (found === undefined) throw new HttpError(404, 'not_found', 'No such connection.');
    return found;
  };
  const keyOf = (organizationId: string, connectionId: string) => ({
    organizationId,
    connectionId: connectionOf(organizationId, connectionId).id,
  });
  const entry = (request: FastifyRequest, key: { organizationId: string; connectionId: string }, action: string) =>
    auditEntry(
      access.deedOf(request, {
        organizationId: key.organizationId,
        action,
        subject: { kind: 'connection', id: key.connectionId },
      }),
    );
  const presence = async (key: { organizationId: string; connectionId: string }) => {
    const found = await credentials.presence(key);
    return {
      connection_id: key.connectionId,
      stored: found !== null,
      readable: found?.readable ?? false,
      key_id: found?.keyId ?? null,
      updated_at: found?.updatedAt ?? null,
      updated_by: found?.updatedBy ?? null,
    };
  };

  app.get<Params>(
    PATH,
    {
      schema: {
        ...common,
        summary: 'Are credentials stored?',
        operationId: 'credentialsPresence',
        response: { 200: Presence, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'connections:write');
      reply.header('cache-control', 'no-store');
      return presence(keyOf(organizationId, request.params.connectionId));
    },
  );

  app.put<Params & { Body: { username?: string; password?: string; apiKey?: string } }>(
    PATH,
    {
      schema: {
        ...common,
        summary: 'Store the credentials of a connection',
        description:
          'Sealed with CHARTSYNC_ENCRYPTION_KEY. The next run uses them, without a restart. What chartsync.yaml says of the same connection counts before them.',
        operationId: 'storeCredentials',
        body: Credentials,
        response: { 200: Presence, ...refusals(...ACCESS_REFUSALS, 409) },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'connections:write');
      const key = keyOf(organizationId, request.params.connectionId);
      const connection = connectionOf(organizationId, request.params.connectionId);
      const given = credentialsFor(connection, request.body);
      if (given === null) {
        const fields = CREDENTIAL_FIELDS[connection.connector].join(' and ');
        throw new HttpError(400, 'invalid_request', `The credentials of this connection are ${fields}.`);
      }
      const { kind, id } = access.principalOf(request);
      const stored = await credentials.put(key, given, `${kind} ${id}`, entry(request, key, 'credentials.put'));
      if (!stored) throw new HttpError(404, 'not_found', 'No such connection.');
      reply.header('cache-control', 'no-store');
      return presence(key);
    },
  );

  app.delete<Params>(
    PATH,
    {
      schema: {
        ...common,
        summary: 'Remove the stored credentials of a connection',
        operationId: 'removeCredentials',
        response: { 200: Presence, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'connections:write');
      const key = keyOf(organizationId, request.params.connectionId);
      if (!(await credentials.remove(key, entry(request, key, 'credentials.remove')))) {
        throw new HttpError(404, 'not_found', 'No credentials are stored.');
      }
      reply.header('cache-control', 'no-store');
      return presence(key);
    },
  );
}
