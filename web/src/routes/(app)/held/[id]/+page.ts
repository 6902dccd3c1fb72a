import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, parent }) => {
  await parent();
  const path = { setId: params.id };
  return { details: new Live(() => answerOf(api.GET('/api/v1/held/{setId}', { params: { path } }))) };
};
