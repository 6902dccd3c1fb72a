import { answerOf, api, type HeldDetails } from '#lib/api/client.ts';
import { KeysetList } from '#lib/keyset-list.svelte.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

const LIMIT = 200;

export const load: PageLoad = async ({ params, parent }) => {
  await parent();
  const path = { setId: params.id };

  function page(limit: number, after: string | null) {
    const query = { limit, ...(after === null ? {} : { after }) };
    return answerOf(api.GET('/api/v1/held/{setId}', { params: { path, query } }));
  }

  const items = new KeysetList<HeldDetails['items'][number]>(
    ({ document_uuid }) => document_uuid,
    async (after) => page(LIMIT, after),
  );
  void items.restart();
  return { details: new Live(() => page(1, null)), items };
};
