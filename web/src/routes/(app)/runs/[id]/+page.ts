import { answerOf, api, type Failure } from '#lib/api/client.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, parent }) => {
  await parent();
  const path = { syncId: params.id };

  /** What failed in it and is still open: also what is of no unit, such as patients that cannot be linked. */
  async function openFailures(): Promise<readonly Failure[]> {
    const { run } = await answerOf(api.GET('/api/v1/sync/run/{syncId}', { params: { path } }));
    if (run.records_failed === 0) return [];
    const query = { connection: run.connection_id };
    const { failures } = await answerOf(api.GET('/api/v1/failures', { params: { query } }));
    const begin = Date.parse(run.started_at);
    const end = run.completed_at === null ? Number.POSITIVE_INFINITY : Date.parse(run.completed_at);
    return failures.filter(({ last_at }) => Date.parse(last_at) >= begin && Date.parse(last_at) <= end);
  }

  return {
    id: params.id,
    compared: new Live(() => answerOf(api.GET('/api/v1/sync/run/{syncId}', { params: { path } }))),
    units: new Live(() => answerOf(api.GET('/api/v1/sync/run/{syncId}/units', { params: { path } }))),
    failures: new Live(openFailures),
  };
};
