import { answerOf, api } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';

export const load = () => ({
  connections: new Live(async () => (await answerOf(api.GET('/api/v1/connections'))).connections),
  statistics: new Live(() => answerOf(api.GET('/api/v1/statistics'))),
});
