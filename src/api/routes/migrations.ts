/** `/api/patients/:uuid/migrate` and `…/migrations`: documents of a patient who was booked anew under another id. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { auditEntry } from '../../access/audit.ts';
import { normaliseUuid } from '../../domain/reference.ts';
import type { Migration, MigrationResult } from '../../ports/fileset-migrations.ts';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const uuid = () => Type.String({ format: 'uuid' });
const nullable = (schema: Parameters<typeof Type.Union>[0][number]) => Type.Union([schema, Type.Null()]);
const counts = Type.Object({ before: Type.Integer({ minimum: 0 }), after: Type.Integer({ minimum: 0 }) });

const MigrateBody = Type.Object(
  {
    targetPatientUuid: uuid(),
    documentIds: Type.Optional(
      Type.Array(uuid(), { minItems: 1, maxItems: 10_000, uniqueItems: true, description: 'Default: all documents.' }),
    ),
    dryRun: Type.Optional(Type.Boolean({ description: 'Only say what would be done; false.' })),
  },
  { additionalProperties: false },
);

const moved = {
  success: Type.Literal(true),
  fromPatientUuid: uuid(),
  toPatientUuid: uuid(),
  documents: Type.Integer({ minimum: 0, description: 'How many move, or have moved.' }),
  documentIds: Type.Array(uuid()),
  conflicts: Type.Array(
    Type.Object({
      documentId: uuid(),
      reason: Type.Enum(['same_reference', 'grouped', 'not_here'], {
        description:
          'same_reference: the other patient has a document with this reference; grouped: it is in a group of which other documents, perhaps removed ones, stay; not_here: it is none of this patient.',
      }),
    }),
    { description: 'What stays where it is.' },
  ),
  sameContent: Type.Integer({ minimum: 0, description: 'Of what moves: the other patient has this content already.' }),
  counts: Type.Object({ from: counts, to: counts }, { description: 'Documents of both patients, verified.' }),
};

const MigrateAnswer = Type.Object(
  {
    ...moved,
    dryRun: Type.Boolean(),
    migrationId: nullable(Type.String({ description: 'Null: nothing moved.' })),
  },
  { description: 'What moved, and what stays.' },
);

const MigrationItem = Type.Object(
  {
    id: Type.String(),
    fromPatientUuid: uuid(),
    toPatientUuid: uuid(),
    documents: Type.Integer({ minimum: 1 }),
    appliedAt: Type.String({ format: 'date-time' }),
    appliedBy: Type.String(),
    undoneAt: nullable(Type.String({ format: 'date-time' })),
    undoneBy: nullable(Type.String()),
  },
  { $id: 'Migration' },
);

const ListAnswer = Type.Object(
  {
    patientUuid: uuid(),
    formerIds: Type.Array(uuid(), { description: 'Ids under which documents of this patient were before.' }),
    migrations: Type.Array(MigrationItem),
  },
  { description: 'From and to this patient, the newest first.' },
);

const UndoAnswer = Type.Object(
  { ...moved, migration: MigrationItem },
  { description: 'What went back, and what stays.' },
);

type Patient = { Params: { uuid: string } };

export function migrationRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = { tags: ['documents'], headers: SelectOrganization };

  app.post<Patient & { Body: { targetPatientUuid: string; documentIds?: string[]; dryRun?: boolean } }>(
    '/api/patients/:uuid/migrate',
    {
      schema: {
        ...common,
        summary: 'Move documents to another fileset of the same person',
        description:
          'For a patient whom the source booked anew. Nothing moves by itself, and runs neither bring back nor double what was moved. Doing it again moves what is still there.',
        operationId: 'migrateDocuments',
        params: PatientUuid,
        body: MigrateBody,
        response: { 200: MigrateAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:write');
      const { targetPatientUuid, documentIds, dryRun = false } = request.body;
      const to = normaliseUuid(targetPatientUuid);
      if (to === patientUuid) throw new HttpError(400, 'invalid_request', 'Both filesets are the same.');
      const wanted = {
        organizationId,
        from: patientUuid,
        to: to ?? targetPatientUuid,
        documentUuids: documentIds?.map((id) => normaliseUuid(id) ?? id) ?? null,
      };
      const by = byOf(request);
      const deed = (result: MigrationResult, id: string | null) =>
        auditEntry(
          access.deedOf(request, {
            organizationId,
            action: 'documents.migrate',
            subject: { kind: 'patient', id: patientUuid },
            details: { to: wanted.to, documents: result.documentUuids.length, migration: id },
          }),
        );
      const { migrations } = services;
      const result = dryRun ? await migrations.plan(wanted) : await migrations.apply(wanted, by, deed);
      if (result === null) throw new HttpError(404, 'not_found', 'No such patient.');
      const migrationId = 'id' in result ? (result.id as string | null) : null;
      return { ...answerOf(wanted.from, wanted.to, result), dryRun, migrationId };
    },
  );

  app.get<Patient>(
    '/api/patients/:uuid/migrations',
    {
      schema: {
        ...common,
        summary: 'Where documents of a patient came from and went to',
        operationId: 'migrations',
        params: PatientUuid,
        response: { 200: ListAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      const subject = { kind: 'patient', id: patientUuid };
      await access.note(request, { organizationId, action: 'documents.migrations', subject });
      const [list, formerIds] = await Promise.all([
        services.migrations.list(organizationId, patientUuid),
        services.migrations.formerIds(organizationId, patientUuid),
      ]);
      return { patientUuid, formerIds, migrations: list.map(itemOf) };
    },
  );

  app.post<{ Params: { uuid: string; migrationId: string } }>(
    '/api/patients/:uuid/migrations/:migrationId/undo',
    {
      schema: {
        ...common,
        summary: 'Take a migration back',
        description: 'What is still where the migration put it goes back; the answer tells what stays.',
        operationId: 'undoMigration',
        params: Type.Object({ ...PatientUuid.properties, migrationId: Type.String() }),
        response: { 200: UndoAnswer, ...refusals(...ACCESS_REFUSALS, 409) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:write');
      const { migrationId } = request.params;
      const by = byOf(request);
      const result = await services.migrations.undo(organizationId, migrationId, patientUuid, by, (undone) =>
        auditEntry(
          access.deedOf(request, {
            organizationId,
            action: 'documents.migrate_undo',
            subject: { kind: 'patient', id: patientUuid },
            details: { migration: migrationId, documents: undone.documentUuids.length },
          }),
        ),
      );
      if (result === 'unknown') throw new HttpError(404, 'not_found', 'No such migration.');
      if (result === 'undone') throw new HttpError(409, 'migration_undone', 'This migration was undone before.');
      const { migration } = result;
      return { ...answerOf(migration.to, migration.from, result), migration: itemOf(migration) };
    },
  );

  function byOf(request: Parameters<Access['principalOf']>[0]): string {
    const { kind, id } = access.principalOf(request);
    return `${kind} ${id}`;
  }
}

function answerOf(from: string, to: string, result: MigrationResult) {
  return {
    success: true,
    fromPatientUuid: from,
    toPatientUuid: to,
    documents: result.documentUuids.length,
    documentIds: result.documentUuids,
    conflicts: result.conflicts.map(({ documentUuid, reason }) => ({ documentId: documentUuid, reason })),
    sameContent: result.sameContent,
    counts: result.counts,
  };
}

function itemOf({ from, to, ...migration }: Migration) {
  return { ...migration, fromPatientUuid: from, toPatientUuid: to };
}
