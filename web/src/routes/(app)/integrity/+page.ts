import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';
import { session } from '#lib/session.svelte.ts';
import type { PageLoad } from './$types';
import { AuditSearch } from './search.svelte.ts';

export const load: PageLoad = async ({ parent }) => {
  await parent();
  return {
    connections: new Live(async () => (await answerOf(api.GET('/api/v1/connections'))).connections),
    nightly: new Live(async () => (await answerOf(api.GET('/api/v1/consistency'))).reports),
    search: session.can('audit:read')
      ? new AuditSearch(async (query) => (await answerOf(api.GET('/api/v1/audit', { params: { query } }))).entries)
      : null,
  };
};
