import { answerOf, api, type PatientDocument, type RemovedDocument } from '#lib/api/client.ts';
import { KeysetList } from '#lib/keyset-list.svelte.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

const LIMIT = 200;
const idOf = ({ silknoteDocumentUuid }: { silknoteDocumentUuid: string }) => silknoteDocumentUuid;

export const load: PageLoad = async ({ params, parent }) => {
  await parent();
  const path = { uuid: params.uuid };
  const pageOf = (after: string | null) => ({ limit: LIMIT, ...(after === null ? {} : { after }) });
  const documents = new KeysetList<PatientDocument>(idOf, async (after) => {
    const query = { ...pageOf(after), order: 'newest' as const };
    const asked = api.GET('/api/patients/{uuid}/documents', { params: { path, query } });
    const { documents, next } = await answerOf(asked);
    return { items: documents, next };
  });
  const removed = new KeysetList<RemovedDocument>(idOf, async (after) => {
    const asked = api.GET('/api/patients/{uuid}/removed-documents', { params: { path, query: pageOf(after) } });
    const { documents, next } = await answerOf(asked);
    return { items: documents, next };
  });
  void documents.restart();
  void removed.restart();
  return {
    uuid: params.uuid,
    fileset: new Live(() => answerOf(api.GET('/api/v1/filesets/{uuid}', { params: { path } }))),
    documents,
    removed,
    duplicates: new Live(
      async () => (await answerOf(api.GET('/api/patients/{uuid}/duplicates', { params: { path } }))).duplicates,
    ),
    groups: new Live(async () => (await answerOf(api.GET('/api/patients/{uuid}/groups', { params: { path } }))).groups),
    proposals: new Live(
      async () => (await answerOf(api.GET('/api/patients/{uuid}/group-proposals', { params: { path } }))).proposals,
    ),
    migrations: new Live(() => answerOf(api.GET('/api/patients/{uuid}/migrations', { params: { path } }))),
  };
};
