import { type Appointment, answerOf, api, type PatientDocument } from '#lib/api/client.ts';
import { asProblem } from '#lib/api/problem.ts';
import { KeysetList } from '#lib/keyset-list.svelte.ts';
import { Live } from '#lib/live.svelte.ts';
import { session } from '#lib/session.svelte.ts';
import type { PageLoad } from './$types';

const LIMIT = 500;

export const load: PageLoad = async ({ params, parent }) => {
  await parent();
  const { id } = params;
  const path = { id };
  const now = new Date().toISOString();

  const appointmentsOf = (range: { from: string } | { before: string }) => {
    const list = new KeysetList<Appointment>(
      ({ id }) => id,
      async (after) => {
        const query = { patient: id, limit: LIMIT, ...range, ...(after === null ? {} : { after }) };
        const { appointments, next } = await answerOf(api.GET('/api/v1/appointments', { params: { query } }));
        return { items: appointments, next };
      },
    );
    void list.restart();
    return list;
  };

  const documents = new KeysetList<PatientDocument>(
    ({ silknoteDocumentUuid }) => silknoteDocumentUuid,
    async (after) => {
      const query = { order: 'newest' as const, ...(after === null ? {} : { after }) };
      const params = { path: { uuid: id }, query };
      try {
        const { documents, next } = await answerOf(api.GET('/api/patients/{uuid}/documents', { params }));
        return { items: documents, next };
      } catch (error) {
        // Nobody has brought a file of this patient yet.
        if (asProblem(error).kind === 'missing') return { items: [], next: null };
        throw error;
      }
    },
  );
  if (session.can('documents:read')) void documents.restart();

  return {
    id,
    patient: new Live(() => answerOf(api.GET('/api/v1/patients/{id}', { params: { path } }))),
    merges: new Live(() => answerOf(api.GET('/api/v1/patients/{id}/merges', { params: { path } }))),
    upcoming: appointmentsOf({ from: now }),
    earlier: appointmentsOf({ before: now }),
    documents,
  };
};
