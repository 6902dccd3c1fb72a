import { answerOf, api, type Duplicates } from '#lib/api/client.ts';
import { KeysetList } from '#lib/keyset-list.svelte.ts';
import type { PageLoad } from './$types';

const LIMIT = 100;

export const load: PageLoad = async ({ parent }) => {
  await parent();
  const filter = { acrossPatients: false };
  const list = new KeysetList<Duplicates[number]>(
    // The same content may be twice at each of several patients.
    ({ hash, documents }) => `${hash} ${documents[0]?.silknotePatientUuid ?? ''}`,
    async (after) => {
      const { acrossPatients } = filter;
      const query = { limit: LIMIT, acrossPatients, ...(after === null ? {} : { after }) };
      const { duplicates, next } = await answerOf(api.GET('/api/v1/duplicates', { params: { query } }));
      return { items: duplicates, next };
    },
  );
  void list.restart();
  return { list, filter };
};
