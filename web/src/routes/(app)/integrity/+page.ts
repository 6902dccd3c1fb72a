import { answerOf, api } from '#lib/api/client.ts';
import { AuditSearch } from './search.svelte.ts';

export const load = () => ({
  search: new AuditSearch(async (query) => (await answerOf(api.GET('/api/v1/audit', { params: { query } }))).entries),
});
