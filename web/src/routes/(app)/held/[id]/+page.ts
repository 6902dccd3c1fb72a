import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = ({ params }) => ({
  details: new Live(() => answerOf(api.GET('/api/v1/held/{setId}', { params: { path: { setId: params.id } } }))),
});
