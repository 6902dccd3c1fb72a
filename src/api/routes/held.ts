/** `/api/v1/held`: removals that the deletion guard held back for a person. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HeldSet } from '../../ports/run-store.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const STATES = ['pending', 'approved', 'rejected', 'superseded', 'applied'] as const;
const NullableText = Type.Union([Type.String(), Type.Null()]);

const HeldSetAnswer = Type.Object(
  {
    id: Type.String(),
    connection_id: Type.String(),
    sync_id: Type.String({ description: 'The run that found it.' }),
    state: Type.Enum([...STATES]),
    reason: Type.String({ description: 'Which limit held it.' }),
    items: Type.Integer({ minimum: 0 }),
    created_at: Type.String(),
    decided_at: NullableText,
    decided_by: NullableText,
    note: NullableText,
  },
  { $id: 'HeldSet' },
);

const HeldItemAnswer = Type.Object({
  document_uuid: Type.String(),
  patient_uuid: Type.String(),
  reference: Type.String(),
  absence: Type.Enum(['deleted', 'missing', 'gone', 'reassigned']),
  state: Type.Enum(['held', 'applied', 'kept']),
});

const SetPath = Type.Object({ setId: Type.String({ maxLength: 64, description: 'Id of a held set.' }) });
// Null is what no body arrives as.
const Decision = Type.Union([
  Type.Object(
    {
      note: Type.Optional(Type.String({ maxLength: 1000, description: 'Why; no patients.' })),
      documents: Type.Optional(
        Type.Array(Type.String({ maxLength: 100 }), {
          minItems: 1,
          maxItems: 20_000,
          description: 'Only these of its items: they become a set of their own, the others wait on. Absent: all.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  Type.Null(),
]);

interface SetParams {
  Params: { setId: string };
}

export function heldRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const setOf = async (organizationId: string, setId: string) => {
    const found = /^[\w-]{1,64}$/.test(setId) ? await services.runs.heldSet(organizationId, setId) : null;
    if (found === null) throw new HttpError(404, 'not_found', 'No such held set.');
    return found;
  };

  app.get<{ Querystring: { all?: boolean } }>(
    '/api/v1/held',
    {
      schema: {
        summary: 'Removals that wait for a person',
        operationId: 'heldSets',
        tags: ['held removals'],
        headers: SelectOrganization,
        querystring: Type.Object(
          { all: Type.Optional(Type.Boolean({ description: 'Also those that are decided.' })) },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ held: Type.Array(HeldSetAnswer) }, { description: 'The sets.' }),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const sets = await services.runs.heldSets(organizationId);
      return { held: sets.filter((set) => request.query.all === true || isOpen(set)).map(answer) };
    },
  );

  app.get<SetParams>(
    '/api/v1/held/:setId',
    {
      schema: {
        summary: 'A held set with its items and its proof',
        operationId: 'heldSet',
        tags: ['held removals'],
        headers: SelectOrganization,
        params: SetPath,
        response: {
          200: Type.Object(
            {
              set: HeldSetAnswer,
              evidence: Type.Record(Type.String(), Type.Unknown(), { description: 'The read that found them absent.' }),
              items: Type.Array(HeldItemAnswer),
            },
            { description: 'The set.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const { set, items } = await setOf(organizationId, request.params.setId);
      await access.note(request, { organizationId, action: 'held.read', subject: { kind: 'held_set', id: set.id } });
      return {
        set: answer(set),
        evidence: set.evidence,
        items: items.map((item) => ({
          document_uuid: item.documentUuid,
          patient_uuid: item.unit,
          reference: item.reference,
          absence: item.absence,
          state: item.state,
        })),
      };
    },
  );

  /** @returns the id of what was decided */
  async function decide(
    organizationId: string,
    setId: string,
    decision: { approve: boolean; by: string; note: string | null },
    documents: readonly string[] | undefined,
  ): Promise<string> {
    const { runs } = services;
    const decided =
      documents === undefined
        ? (await runs.decideHeldSet(organizationId, setId, decision, Date.now())) && setId
        : await runs.decideHeldItems(organizationId, setId, documents, decision, Date.now());
    if (decided) return decided;
    const message =
      documents === undefined ? 'Somebody else has decided it by now.' : 'Not all of these wait in the set.';
    throw new HttpError(409, 'not_pending', message);
  }

  for (const approve of [true, false]) {
    const verb = approve ? 'approve' : 'reject';
    app.post<SetParams & { Body: { note?: string; documents?: string[] } | null }>(
      `/api/v1/held/:setId/${verb}`,
      {
        schema: {
          summary: approve ? 'Remove exactly the documents of the set' : 'Keep the documents of the set',
          description: approve
            ? 'Each is looked up once more by a run; what the source shows again is kept. Approving an approved set again starts the run again. The answer names the decided set.'
            : 'They are not held again until the source shows them. The answer names the decided set.',
          operationId: `${verb}HeldSet`,
          tags: ['held removals'],
          headers: SelectOrganization,
          params: SetPath,
          body: Decision,
          response: {
            200: Type.Object(
              { message: Type.String(), set_id: Type.String(), items: Type.Integer(), sync_id: NullableText },
              { description: 'Decided.' },
            ),
            ...refusals(...ACCESS_REFUSALS, 409),
          },
        },
      },
      async (request, reply) => {
        const organizationId = await access.authorize(request, 'held:decide');
        const { set } = await setOf(organizationId, request.params.setId);
        const again = approve && set.state === 'approved';
        if (set.state !== 'pending' && !again) {
          throw new HttpError(409, 'not_pending', `The set is ${set.state}, not pending.`);
        }
        if (approve) await access.countStart(request, reply);
        const deed = { organizationId, action: `held.${verb}`, subject: { kind: 'held_set', id: set.id } };
        const { kind, id } = access.principalOf(request);
        const decision = { approve, by: `${kind} ${id}`, note: request.body?.note ?? null };
        const some = again ? undefined : request.body?.documents;
        const run = {
          organizationId,
          connectionId: set.connectionId,
          mode: 'held' as const,
          trigger: 'api' as const,
          unit: null,
        };
        const work = async () => {
          const decided = again ? set.id : await decide(organizationId, set.id, decision, some);
          const started = approve
            ? await services.queue.enqueue({ ...run, heldSetId: decided }, { whenBusy: 'queue' })
            : null;
          return { decided, syncId: started?.runId ?? null };
        };
        const { decided, syncId } = await access.audited(request, deed, work, ({ decided }) => ({
          details: decided === set.id ? {} : { decided },
        }));
        return {
          message: approve ? 'Removal started' : 'The documents are kept',
          set_id: decided,
          items: some === undefined ? set.itemCount : new Set(some).size,
          sync_id: syncId,
        };
      },
    );
  }
}

function isOpen(set: HeldSet): boolean {
  return set.state === 'pending' || set.state === 'approved';
}

function answer(set: HeldSet) {
  return {
    id: set.id,
    connection_id: set.connectionId,
    sync_id: set.runId,
    state: set.state,
    reason: set.reason,
    items: set.itemCount,
    created_at: set.createdAt,
    decided_at: set.decidedAt,
    decided_by: set.decidedBy,
    note: set.note,
  };
}
