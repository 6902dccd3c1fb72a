import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';

export const load = () => ({
  sets: new Live(async () => (await answerOf(api.GET('/api/v1/held', { params: { query: { all: true } } }))).held),
});
