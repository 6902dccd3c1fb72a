/** `/api/v1/held`: deletions that the deletion guard held back for a person. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HeldRecord } from '../../ports/held-records.ts';
import type { HeldItem, HeldSet } from '../../ports/run-store.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { decodeKey, encodeKey } from '../page-key.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { sendWholeList } from '../whole-list.ts';

const STATES = ['pending', 'approved', 'rejected', 'superseded', 'applied'] as const;
const NullableText = Type.Union([Type.String(), Type.Null()]);

const HeldSetAnswer = Type.Object(
  {
    id: Type.String(),
    connection_id: Type.String(),
    connector: Type.Union([Type.String(), Type.Null()], {
      description:
        'Kind of the connection: vsrx holds documents, cliniko records, idexx entries of a book. Null: it is configured no more.',
    }),
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
  document_uuid: Type.String({ description: 'Of the document; of records and entries of a book: our id.' }),
  patient_uuid: Type.String({
    description: 'Of the patient; of records: their list, such as patients; of a book: calendar or consultations.',
  }),
  reference: Type.String(),
  absence: Type.Enum(['deleted', 'missing', 'gone', 'reassigned']),
  state: Type.Enum(['held', 'applied', 'kept']),
});

const RecordAnswer = Type.Object(
  {
    id: Type.String(),
    list: Type.String({ description: 'As `patient_uuid` of the item says it.' }),
    name: Type.Union([Type.String(), Type.Null()], {
      description: 'Of a place, a type of visit, a practitioner, a file. Patients are told by their id only.',
    }),
    starts_at: NullableText,
    ends_at: NullableText,
    time_zone: Type.Union([Type.String(), Type.Null()], { description: 'IANA; null: it is not known.' }),
    status: NullableText,
    patient_name: Type.Union([Type.String(), Type.Null()], { description: 'Of a book: the animal.' }),
    client_name: Type.Union([Type.String(), Type.Null()], { description: 'Of a book: whose animal it is.' }),
    practitioner: NullableText,
    business: NullableText,
    patient_id: Type.Union([Type.String(), Type.Null()], { description: 'For GET /api/v1/patients/:id.' }),
    size_bytes: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  },
  { description: 'What it says. What its list does not have is null.' },
);

const RecordPath = Type.Object({
  setId: Type.String({ maxLength: 64, description: 'Id of a held set.' }),
  recordId: Type.String({ maxLength: 64, description: '`document_uuid` of one of its items.' }),
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

const DEFAULT_LIMIT = 100;
/** Of a key: when the set was made, and its id. */
const KEY = [/^\d{1,14}$/, /^[\w-]{1,64}$/];

/** Patient, reference and document of an item. */
const ITEM_KEY = [/^/, /^/, /^/];
const Next = Type.Union([Type.String(), Type.Null()], { description: 'For `after`; null on the last page.' });

const paging = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1000, description: `A page of so many; with after alone ${DEFAULT_LIMIT}.` }),
  ),
  after: Type.Optional(Type.String({ maxLength: 2500, description: '`next` of the page before.' })),
};
const PageQuery = Type.Object(paging, { additionalProperties: false });
const Query = Type.Object(
  {
    all: Type.Optional(Type.Boolean({ description: 'Also those that are decided.' })),
    decided: Type.Optional(Type.Boolean({ description: 'Only those that are decided.' })),
    ...paging,
  },
  { additionalProperties: false },
);

interface SetParams {
  Params: { setId: string };
}

export function heldRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const answer = (set: HeldSet) => answerOf(set, services);
  const setOf = async (organizationId: string, setId: string) => {
    const found = /^[\w-]{1,64}$/.test(setId) ? await services.runLists.heldSet(organizationId, setId) : null;
    if (found === null) throw new HttpError(404, 'not_found', 'No such held set.');
    return found;
  };

  app.get<{ Querystring: Type.Static<typeof Query> }>(
    '/api/v1/held',
    {
      schema: {
        summary: 'Deletions that wait for a person',
        description: 'Page by page with limit and after, newest first. Without both the answer holds all of them.',
        operationId: 'heldSets',
        tags: ['held deletions'],
        headers: SelectOrganization,
        querystring: Query,
        response: {
          200: Type.Object(
            {
              held: Type.Array(HeldSetAnswer),
              next: Next,
            },
            { description: 'A page of the sets, or all of them.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const { all = false, decided = false, limit, after } = request.query;
      const question = { organizationId, state: decided ? 'decided' : all ? 'all' : 'open' } as const;
      const { runLists } = services;
      if (limit === undefined && after === undefined) {
        return sendWholeList(reply, {
          head: { next: null },
          name: 'held',
          read: (page) => runLists.heldSets({ ...question, ...page }),
          answer,
        });
      }
      const page = await runLists.heldSets({
        ...question,
        limit: limit ?? DEFAULT_LIMIT,
        after: decodeKey(after, KEY),
      });
      return { held: page.items.map(answer), next: encodeKey(page.next) };
    },
  );

  app.get<SetParams & { Querystring: Type.Static<typeof PageQuery> }>(
    '/api/v1/held/:setId',
    {
      schema: {
        summary: 'A held set with its items and its proof',
        description: 'The items page by page with limit and after. Without both the answer holds all of them.',
        operationId: 'heldSet',
        tags: ['held deletions'],
        headers: SelectOrganization,
        params: SetPath,
        querystring: PageQuery,
        response: {
          200: Type.Object(
            {
              set: HeldSetAnswer,
              evidence: Type.Record(Type.String(), Type.Unknown(), { description: 'The read that found them absent.' }),
              items: Type.Array(HeldItemAnswer),
              next: Next,
            },
            { description: 'The set.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const set = await setOf(organizationId, request.params.setId);
      const { limit, after } = request.query;
      const from = decodeKey(after, ITEM_KEY);
      await access.note(request, { organizationId, action: 'held.read', subject: { kind: 'held_set', id: set.id } });
      const head = { set: answer(set), evidence: set.evidence };
      const { runLists } = services;
      const question = { organizationId, setId: set.id };
      if (limit === undefined && from === null) {
        return sendWholeList(reply, {
          head: { ...head, next: null },
          name: 'items',
          read: (page) => runLists.heldItems({ ...question, ...page }),
          answer: itemAnswer,
        });
      }
      const page = await runLists.heldItems({ ...question, limit: limit ?? DEFAULT_LIMIT, after: from });
      return { ...head, items: page.items.map(itemAnswer), next: encodeKey(page.next) };
    },
  );

  app.get<{ Params: { setId: string; recordId: string } }>(
    '/api/v1/held/:setId/records/:recordId',
    {
      schema: {
        summary: 'What a held record or entry of a book says',
        description: 'Enough to decide about it. Documents have GET /api/v1/documents/:documentId.',
        operationId: 'heldRecord',
        tags: ['held deletions'],
        headers: SelectOrganization,
        params: RecordPath,
        response: { 200: RecordAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'records:read');
      const { setId, recordId } = request.params;
      const { id, connectionId } = await setOf(organizationId, setId);
      const item = await services.runLists.heldItem(organizationId, id, recordId);
      const list = item?.unit ?? '';
      const record = item && (await services.heldRecords.find({ organizationId, connectionId }, list, recordId));
      if (record === null) throw new HttpError(404, 'not_found', 'No such record in the held set.');
      const subject = { kind: 'held_record', id: record.id };
      await access.note(request, { organizationId, action: 'held.record', subject, details: { set: id, list } });
      return recordAnswer(record, list);
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
          tags: ['held deletions'],
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
        const set = await setOf(organizationId, request.params.setId);
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
          message: approve ? 'Deletion started' : 'The documents are kept',
          set_id: decided,
          items: some === undefined ? set.itemCount : new Set(some).size,
          sync_id: syncId,
        };
      },
    );
  }
}

function answerOf(set: HeldSet, { connections }: Pick<ApiServices, 'connections'>) {
  const { organizationId, connectionId } = set;
  const connection = connections.find((c) => c.organizationId === organizationId && c.id === connectionId);
  return {
    id: set.id,
    connection_id: connectionId,
    connector: connection?.connector ?? null,
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

function itemAnswer(item: HeldItem) {
  return {
    document_uuid: item.documentUuid,
    patient_uuid: item.unit,
    reference: item.reference,
    absence: item.absence,
    state: item.state,
  };
}

function recordAnswer(record: HeldRecord, list: string) {
  return {
    id: record.id,
    list,
    name: record.name,
    starts_at: record.startsAt,
    ends_at: record.endsAt,
    time_zone: record.timeZone,
    status: record.status,
    patient_name: record.patientName,
    client_name: record.clientName,
    practitioner: record.practitioner,
    business: record.business,
    patient_id: record.patientId,
    size_bytes: record.sizeBytes,
  };
}
