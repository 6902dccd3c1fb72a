import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ url, parent }) => {
  await parent();
  const connection = url.searchParams.get('connection');
  const query = { limit: 1, ...(connection === null ? {} : { connection }) };

  async function look() {
    const [{ causes = [] }, { connections }] = await Promise.all([
      answerOf(api.GET('/api/v1/failures', { params: { query } })),
      answerOf(api.GET('/api/v1/connections')),
    ]);
    const concerned = connections.filter(
      ({ id, open_failures }) => open_failures > 0 && (connection === null || id === connection),
    );
    return { causes, connections: concerned.map(({ id }) => id), at: Date.now() };
  }

  return { connection, failures: new Live(look) };
};
