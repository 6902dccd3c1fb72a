import { answerOf, api, type Fileset } from '#lib/api/client.ts';
import { KeysetList } from '#lib/keyset-list.svelte.ts';
import type { PageLoad } from './$types';

const LIMIT = 500;

export type Which = 'all' | 'withDocuments' | 'removed';

export const load: PageLoad = async ({ parent }) => {
  await parent();
  // What somebody looks for is personal data: it is in memory and in the body of a request, never in an address.
  const question = { text: '', which: 'all' as Which };
  const list = new KeysetList<Fileset>(
    ({ silknotePatientUuid }) => silknotePatientUuid,
    async (after) => {
      const { text, which } = question;
      const body = {
        limit: LIMIT,
        ...(text === '' ? {} : { query: text }),
        ...(which === 'all' ? {} : { [which]: true }),
        ...(after === null ? {} : { after }),
      };
      const { filesets, next } = await answerOf(api.POST('/api/v1/filesets/search', { body }));
      return { items: filesets, next };
    },
  );
  void list.restart();
  return {
    list,
    find: (text: string, which: Which) => {
      question.text = text.trim();
      question.which = which;
      return list.restart();
    },
  };
};
