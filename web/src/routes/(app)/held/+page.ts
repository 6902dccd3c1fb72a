import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ parent }) => {
  await parent();
  return {
    sets: new Live(async () => (await answerOf(api.GET('/api/v1/held', { params: { query: { all: true } } }))).held),
  };
};
