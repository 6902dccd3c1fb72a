/** `/api/v1/connections/:connectionId/inspections`: what a run would do, whether a source can be reached, whether all stores agree. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { INSPECTIONS, type Inspection, type InspectionKind, type InspectionResult } from '../../domain/inspection.ts';
import { isFileConnection } from '../../runs/connections.ts';
import { checkMode, hasPlan } from '../../runs/modes.ts';
import { repairedOf } from '../../runs/repair-connection.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const OF_CONNECTION = '/api/v1/connections/:connectionId/inspections';
const ONE = '/api/v1/inspections/:inspectionId';

const NullableText = Type.Union([Type.String(), Type.Null()]);
const count = () => Type.Integer({ minimum: 0 });

const Line = Type.Object({
  what: Type.String({ description: 'Such as add, move, remove, "missing blob", source.' }),
  unit: Type.Union([Type.String(), Type.Null()], { description: 'Patient, list, or date.' }),
  reference: Type.Union([Type.String(), Type.Null()], { description: 'Of the item in the source.' }),
  document_uuid: NullableText,
  sha256: Type.Union([Type.String(), Type.Null()], { description: 'Of a content, where it is about one.' }),
  message: NullableText,
  code: Type.Union([Type.String(), Type.Null()], { description: 'Of docs/errors.md, when something is wrong.' }),
  remedy: NullableText,
});

const SUMMARY = {
  id: Type.String(),
  connection_id: Type.String(),
  kind: Type.Enum([...INSPECTIONS]),
  state: Type.Enum(['running', 'done', 'failed', 'cancelled']),
  mode: Type.Union([Type.String(), Type.Null()], { description: 'Of a plan; null: the usual one.' }),
  content: Type.Boolean({ description: 'Of a verification or a repair: contents were read and hashed too.' }),
  preview: Type.Union([Type.String(), Type.Null()], {
    description: 'Of a repair: the inspection that it carries out. Null: it only says what it would do.',
  }),
  asked_by: Type.String(),
  started_at: Type.String({ format: 'date-time', description: 'When it began.' }),
  finished_at: NullableText,
  checked: Type.Integer({ minimum: 0, description: 'Items looked at so far.' }),
  counts: Type.Record(Type.String(), count(), { description: 'How many of each thing; empty before the end.' }),
  complete: Type.Boolean({
    description: 'False: the source could not be read to its end, so nothing is said about what it lacks.',
  }),
  held: Type.Union([Type.String(), Type.Null()], {
    description: 'Of a plan: why its deletions would wait for a person.',
  }),
  checksums: Type.Record(Type.String(), Type.String(), {
    description:
      'Of a verification: SHA-256 over the contents that documents name (row) and those that are there (blob).',
  }),
  error: Type.Union([Type.Object({ code: Type.String(), message: Type.String(), remedy: Type.String() }), Type.Null()]),
};
const Summary = Type.Object(SUMMARY);
const Whole = Type.Object({ ...SUMMARY, lines: Type.Array(Line, { description: 'The first 200 of each kind.' }) });

const Request = Type.Object(
  {
    kind: Type.Enum([...INSPECTIONS], {
      description:
        'plan: what a run would do; test: can it be reached; verify: do all stores agree; repair: set contents, search index, and what is on other machines right.',
    }),
    mode: Type.Optional(Type.String({ maxLength: 32, description: 'Of a plan: one of the modes of the connection.' })),
    content: Type.Optional(
      Type.Boolean({
        description:
          'Of a verification: also read and hash every file and blob. Of the preview of a repair: every blob.',
      }),
    ),
    preview: Type.Optional(
      Type.String({ maxLength: 64, description: 'Of a repair: do what this one said. Absent: only say it.' }),
    ),
  },
  { additionalProperties: false },
);

interface RequestBody {
  kind: InspectionKind;
  mode?: string;
  content?: boolean;
  preview?: string;
}

const ConnectionPath = Type.Object({
  connectionId: Type.String({ maxLength: 64, description: 'Id of the connection.' }),
});
const InspectionPath = Type.Object({
  inspectionId: Type.String({ maxLength: 64, description: 'Id of an inspection.' }),
});

export function inspectionRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = { tags: ['inspections'], headers: SelectOrganization };
  const configured = (organizationId: string, id: string) => {
    const found = services.connections.find((c) => c.organizationId === organizationId && c.id === id);
    if (found === undefined) throw new HttpError(404, 'not_found', 'No such connection.');
    return found;
  };
  const known = async (organizationId: string, id: string): Promise<Inspection> => {
    const found = /^[\w-]{1,64}$/.test(id) ? await services.inspections.store.find(organizationId, id) : null;
    if (found === null) throw new HttpError(404, 'not_found', 'No such inspection.');
    return found;
  };

  app.post<{ Params: { connectionId: string }; Body: RequestBody }>(
    OF_CONNECTION,
    {
      schema: {
        ...common,
        summary: 'Inspect a connection',
        description:
          'Begins, and goes on by itself; ask for it by its id. All but a repair with a preview change nothing, except that mirrored tables are brought up to date before they are compared. Answers hold ids, never names or paths.',
        operationId: 'beginInspection',
        params: ConnectionPath,
        body: Request,
        response: {
          202: Type.Object({ id: Type.String() }, { description: 'It has begun.' }),
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:run');
      const connection = configured(organizationId, request.params.connectionId);
      const { kind, mode = null, content = false, preview = null } = request.body;
      const misplaced =
        (mode !== null && kind !== 'plan') ||
        (content && kind !== 'verify' && (kind !== 'repair' || preview !== null)) ||
        (preview !== null && kind !== 'repair');
      if (misplaced) throw new HttpError(400, 'invalid_request', `An inspection "${kind}" has no such option.`);
      if (mode !== null) checkRequestMode(connection, mode);
      if (mode !== null && !hasPlan(mode)) {
        throw new HttpError(400, 'invalid_request', 'There is a plan for the calendar only, not for consultations.');
      }
      if (content && !isFileConnection(connection)) {
        throw new HttpError(400, 'invalid_request', 'Only a connection that copies files has contents.');
      }
      await access.countStart(request, reply);
      const said = preview === null ? null : await previewOf(organizationId, connection.id, preview);
      const repaired = said === null ? null : repairedOf(said.result);
      const { kind: by, id: who } = access.principalOf(request);
      const id = await access.audited(
        request,
        { organizationId, action: `inspection.${kind}`, subject: { kind: 'connection', id: connection.id } },
        async () => {
          const options = { mode, content: said?.content ?? content, preview };
          const askedBy = `${by} ${who}`;
          const begun = await services.inspections.begin({ connection, kind, options, askedBy, repaired });
          if (begun !== null) return begun;
          const message = 'One of this kind is running already, or too many others are. Wait for its end.';
          throw new HttpError(409, 'inspection_running', message);
        },
        (inspection) => ({ details: { inspection } }),
      );
      return reply.status(202).send({ id });
    },
  );

  app.get<{ Params: { connectionId: string }; Querystring: { kind?: InspectionKind; limit?: number } }>(
    OF_CONNECTION,
    {
      schema: {
        ...common,
        summary: 'Inspections of a connection',
        operationId: 'inspections',
        params: ConnectionPath,
        querystring: Type.Object(
          {
            kind: Type.Optional(Type.Enum([...INSPECTIONS], { description: 'Only of this kind.' })),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 50, description: 'Default 10.' })),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            { inspections: Type.Array(Summary) },
            { description: 'Newest first, without what they list; the newest 50 of each kind are kept.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const connection = configured(organizationId, request.params.connectionId);
      const { kind = null, limit = 10 } = request.query;
      const found = await services.inspections.store.list({ organizationId, connectionId: connection.id }, kind, limit);
      return { inspections: found.map(summary) };
    },
  );

  app.get<{ Params: { inspectionId: string } }>(
    ONE,
    {
      schema: {
        ...common,
        summary: 'An inspection and what it found',
        operationId: 'inspection',
        params: InspectionPath,
        response: { 200: { ...Whole, description: 'The inspection.' }, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      return whole(await known(organizationId, request.params.inspectionId));
    },
  );

  app.delete<{ Params: { inspectionId: string } }>(
    ONE,
    {
      schema: {
        ...common,
        summary: 'Cancel an inspection',
        operationId: 'cancelInspection',
        params: InspectionPath,
        response: {
          200: Type.Object({ message: Type.String(), id: Type.String() }, { description: 'It ends within seconds.' }),
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:run');
      const { id, connectionId } = await known(organizationId, request.params.inspectionId);
      if (!(await services.inspections.store.cancel(organizationId, id))) {
        throw new HttpError(409, 'not_running', 'It has ended already.');
      }
      await access.note(request, {
        organizationId,
        action: 'inspection.cancel',
        subject: { kind: 'connection', id: connectionId },
        details: { inspection: id },
      });
      return { message: 'It is asked to stop', id };
    },
  );

  /** What a repair may touch: what its preview told, of the same connection. */
  async function previewOf(
    organizationId: string,
    connectionId: string,
    preview: string,
  ): Promise<{ content: boolean; result: InspectionResult }> {
    const said = await known(organizationId, preview);
    const { kind, options, result } = said;
    if (kind !== 'repair' || said.connectionId !== connectionId || options.preview !== null || result === null) {
      throw new HttpError(409, 'no_preview', 'That is no finished preview of a repair of this connection.');
    }
    return { content: options.content, result };
  }
}

function checkRequestMode(connection: Parameters<typeof checkMode>[0], mode: string): void {
  try {
    checkMode(connection, mode);
  } catch {
    throw new HttpError(400, 'invalid_request', 'The connection has no such mode.');
  }
}

function summary(inspection: Inspection) {
  const { result, options } = inspection;
  return {
    id: inspection.id,
    connection_id: inspection.connectionId,
    kind: inspection.kind,
    state: inspection.state,
    mode: options.mode,
    content: options.content,
    preview: options.preview,
    asked_by: inspection.askedBy,
    started_at: inspection.startedAt,
    finished_at: inspection.finishedAt,
    checked: inspection.checked,
    counts: result?.counts ?? {},
    complete: result?.complete ?? false,
    held: result?.held ?? null,
    checksums: result?.checksums ?? {},
    error: inspection.error,
  };
}

function whole(inspection: Inspection) {
  return {
    ...summary(inspection),
    lines: (inspection.result?.lines ?? []).map(({ documentUuid, ...line }) => ({
      ...line,
      // Those of earlier versions had none.
      sha256: line.sha256 ?? null,
      document_uuid: documentUuid,
    })),
  };
}
