import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ parent }) => {
  await parent();
  return { summary: new Live(() => answerOf(api.GET('/api/v1/documents/summary'))) };
};
