import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ parent }) => {
  await parent();
  return {
    connections: new Live(async () => (await answerOf(api.GET('/api/v1/connections'))).connections),
    documents: new Live(() => answerOf(api.GET('/api/v1/documents/summary'))),
    statistics: new Live(() => answerOf(api.GET('/api/v1/statistics'))),
  };
};
