import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ url, parent }) => {
  await parent();
  const connection = url.searchParams.get('connection');
  const query = connection === null ? {} : { connection };
  return {
    connection,
    failures: new Live(async () => (await answerOf(api.GET('/api/v1/failures', { params: { query } }))).failures),
  };
};
