import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ parent }) => {
  await parent();
  const look = async () => ({ ...(await answerOf(api.GET('/api/v1/documents/summary'))), at: Date.now() });
  return { summary: new Live(look) };
};
