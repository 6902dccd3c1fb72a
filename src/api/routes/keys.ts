/** `/api/v1/keys`: the API keys of an organisation. A key's text is in the answer that made it, and nowhere else. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type KeyState, stateOf } from '../../access/api-keys.ts';
import { auditEntry } from '../../access/audit.ts';
import { AccessDenied } from '../../access/denied.ts';
import { mayGrant } from '../../access/principal.ts';
import { ROLES, type Role, SCOPES, type Scope, scopesOfRole } from '../../domain/scopes.ts';
import type { ApiKey } from '../../ports/key-store.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const instant = (description: string) => Type.String({ format: 'date-time', description });
const nullableInstant = (description: string) => Type.Union([instant(description), Type.Null()]);

const KeyAnswer = Type.Object(
  {
    id: Type.String({ description: 'Begins the key after "cs_"; no secret.' }),
    name: Type.String(),
    scopes: Type.Array(Type.Enum([...SCOPES])),
    state: Type.Enum(['active', 'expired', 'revoked']),
    created_at: instant('When it was made.'),
    created_by: Type.String(),
    expires_at: nullableInstant('Null: never.'),
    last_used_at: nullableInstant('Exact to the minute; null: never.'),
    revoked_at: nullableInstant('When it was revoked.'),
    rotated_to: Type.Union([Type.String(), Type.Null()], { description: 'The key that takes its place.' }),
  },
  { $id: 'Key' },
);

const IssuedAnswer = Type.Object({
  key: KeyAnswer,
  secret: Type.String({ description: 'The whole key. Shown once.' }),
});

const NewKey = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100, description: 'What it is for; not a person.' }),
    role: Type.Optional(Type.Enum([...ROLES], { description: 'Stands for a set of scopes.' })),
    scopes: Type.Optional(Type.Array(Type.Enum([...SCOPES]), { minItems: 1, uniqueItems: true })),
    expires_in_days: Type.Optional(Type.Integer({ minimum: 1, maximum: 3650, description: 'Default 365.' })),
    // Not a null above: the validator would make one of a nought.
    never_expires: Type.Optional(Type.Boolean({ description: 'Only for what nobody can renew.' })),
  },
  { additionalProperties: false },
);

const Rotation = Type.Object(
  {
    overlap_hours: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 720,
        description: 'How long the old key stays valid beside the new one; default 24.',
      }),
    ),
  },
  { additionalProperties: false },
);

const KeyId = Type.Object({ keyId: Type.String({ maxLength: 64 }) });

const DAY = 24 * 3600_000;
const HOUR = 3600_000;

interface NewKeyBody {
  name: string;
  role?: Role;
  scopes?: Scope[];
  expires_in_days?: number;
  never_expires?: boolean;
}

export function keyRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const { keys } = services;
  const common = { tags: ['keys'], headers: SelectOrganization };

  app.get(
    '/api/v1/keys',
    {
      schema: {
        ...common,
        summary: 'Keys of the organisation',
        operationId: 'listKeys',
        response: {
          200: Type.Object({ keys: Type.Array(KeyAnswer) }, { description: 'Oldest first, without their secrets.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'keys:write');
      return { keys: (await keys.list(organizationId)).map(keyAnswer) };
    },
  );

  app.post<{ Body: NewKeyBody }>(
    '/api/v1/keys',
    {
      schema: {
        ...common,
        summary: 'Make a key',
        description: 'With a role or with scopes. Nobody hands out more than they have.',
        operationId: 'createKey',
        body: NewKey,
        response: {
          201: { ...IssuedAnswer, description: 'The key, with its secret for the only time.' },
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'keys:write');
      const { name } = request.body;
      const scopes = scopesOf(request.body);
      const principal = access.principalOf(request);
      if (!mayGrant(principal, scopes)) {
        throw new AccessDenied(403, 'insufficient_scope', 'A key cannot have more scopes than its maker.');
      }
      const issued = await keys.issue(
        { organizationId, name, scopes, expiresAt: expiryOf(request.body), by: byOf(request) },
        (id) => entry(request, organizationId, 'key.create', id, { scopes: scopes.join(' ') }),
      );
      return reply.status(201).send({ key: keyAnswer(issued.key), secret: issued.text });
    },
  );

  app.post<{ Params: { keyId: string }; Body: { overlap_hours?: number } | null }>(
    '/api/v1/keys/:keyId/rotate',
    {
      schema: {
        ...common,
        summary: 'Replace a key',
        description: 'Makes a key with the same name and scopes; the old one stays valid for a while.',
        operationId: 'rotateKey',
        params: KeyId,
        body: Type.Union([Rotation, Type.Null()]),
        response: {
          201: { ...IssuedAnswer, description: 'The new key, with its secret for the only time.' },
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'keys:write');
      const { keyId } = request.params;
      const old = await found(organizationId, keyId);
      if (!mayGrant(access.principalOf(request), old.scopes)) {
        throw new AccessDenied(403, 'insufficient_scope', 'A key cannot have more scopes than its maker.');
      }
      const overlapMs = (request.body?.overlap_hours ?? 24) * HOUR;
      const issued = await keys.rotate({ organizationId, id: keyId, overlapMs, by: byOf(request) }, (successor) =>
        entry(request, organizationId, 'key.rotate', keyId, { successor }),
      );
      if (issued === null)
        throw new HttpError(409, 'key_not_active', 'The key is revoked, expired or rotated already.');
      return reply.status(201).send({ key: keyAnswer(issued.key), secret: issued.text });
    },
  );

  app.delete<{ Params: { keyId: string } }>(
    '/api/v1/keys/:keyId',
    {
      schema: {
        ...common,
        summary: 'Revoke a key, at once and for ever',
        operationId: 'revokeKey',
        params: KeyId,
        response: {
          200: Type.Object({ key: KeyAnswer }, { description: 'It is revoked.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'keys:write');
      const { keyId } = request.params;
      await found(organizationId, keyId);
      await keys.revoke(organizationId, keyId, byOf(request), entry(request, organizationId, 'key.revoke', keyId));
      return { key: keyAnswer(await found(organizationId, keyId)) };
    },
  );

  async function found(organizationId: string, keyId: string): Promise<ApiKey> {
    const key = /^[0-9a-z]{16}$/.test(keyId) ? await keys.find(organizationId, keyId) : null;
    if (key === null) throw new HttpError(404, 'not_found', 'No such key.');
    return key;
  }

  function byOf(request: FastifyRequest): string {
    const { kind, id } = access.principalOf(request);
    return `${kind}:${id}`;
  }

  function entry(
    request: FastifyRequest,
    organizationId: string,
    action: string,
    keyId: string,
    details: Record<string, string> = {},
  ) {
    return auditEntry(access.deedOf(request, { organizationId, action, subject: { kind: 'key', id: keyId }, details }));
  }
}

function expiryOf({ expires_in_days: days, never_expires: never = false }: NewKeyBody): number | null {
  if (never && days !== undefined) {
    throw new HttpError(400, 'invalid_request', 'Give either expires_in_days or never_expires.');
  }
  return never ? null : Date.now() + (days ?? 365) * DAY;
}

function scopesOf({ role, scopes }: NewKeyBody): readonly Scope[] {
  if (role !== undefined && scopes === undefined) return scopesOfRole(role);
  if (scopes !== undefined && role === undefined) return scopes;
  throw new HttpError(400, 'invalid_request', 'Give either a role or scopes.');
}

function keyAnswer(key: ApiKey): Record<string, unknown> & { state: KeyState } {
  return {
    id: key.id,
    name: key.name,
    scopes: key.scopes,
    state: stateOf(key, Date.now()),
    created_at: key.createdAt,
    created_by: key.createdBy,
    expires_at: key.expiresAt,
    last_used_at: key.lastUsedAt,
    revoked_at: key.revokedAt,
    rotated_to: key.rotatedTo,
  };
}
