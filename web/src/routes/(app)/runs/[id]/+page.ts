import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, parent }) => {
  await parent();
  const path = { syncId: params.id };
  return {
    id: params.id,
    compared: new Live(() => answerOf(api.GET('/api/v1/sync/run/{syncId}', { params: { path } }))),
    units: new Live(() => answerOf(api.GET('/api/v1/sync/run/{syncId}/units', { params: { path } }))),
  };
};
