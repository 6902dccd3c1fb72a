import { answerOf, api } from '#lib/api/client.ts';
import type { PageLoad } from './$types';
import { AuditSearch } from './search.svelte.ts';

export const load: PageLoad = async ({ parent }) => {
  await parent();
  return {
    search: new AuditSearch(async (query) => (await answerOf(api.GET('/api/v1/audit', { params: { query } }))).entries),
  };
};
