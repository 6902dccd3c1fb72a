import { answerOf, api, type FailureCause, type RunUnit } from '#lib/api/client.ts';
import { KeysetList } from '#lib/keyset-list.svelte.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

const LIMIT = 200;

export const load: PageLoad = async ({ params, parent }) => {
  await parent();
  const path = { syncId: params.id };

  /** What failed in it and is still open: also what is of no unit, such as patients that cannot be linked. */
  async function openCauses(): Promise<readonly FailureCause[]> {
    const { run } = await answerOf(api.GET('/api/v1/sync/run/{syncId}', { params: { path } }));
    if (run.records_failed === 0) return [];
    const query = { connection: run.connection_id, sync_id: params.id, limit: 1 };
    return (await answerOf(api.GET('/api/v1/failures', { params: { query } }))).causes ?? [];
  }

  async function units(limit: number, after: string | null) {
    const query = { limit, ...(after === null ? {} : { after }) };
    return answerOf(api.GET('/api/v1/sync/run/{syncId}/units', { params: { path, query } }));
  }

  const list = new KeysetList<RunUnit>(
    ({ unit }) => unit,
    async (after) => {
      const page = await units(LIMIT, after);
      return { items: page.units, next: page.next };
    },
  );
  void list.restart();
  return {
    id: params.id,
    compared: new Live(() => answerOf(api.GET('/api/v1/sync/run/{syncId}', { params: { path } }))),
    units: list,
    unitCauses: new Live(async () => (await units(1, null)).causes ?? []),
    openCauses: new Live(openCauses),
  };
};
