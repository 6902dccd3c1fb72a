import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, parent }) => {
  await parent();
  const { id } = params;
  const path = { connectionId: id };
  return {
    id,
    connection: new Live(async () => {
      const { connections } = await answerOf(api.GET('/api/v1/connections'));
      return { found: connections.find((connection) => connection.id === id) ?? null };
    }),
    runs: new Live(
      async () => (await answerOf(api.GET('/api/v1/connections/{connectionId}/runs', { params: { path } }))).runs,
    ),
  };
};
