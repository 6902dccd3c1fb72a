import { answerOf, api, type HeldSet } from '#lib/api/client.ts';
import { KeysetList, type KeysetPage } from '#lib/keyset-list.svelte.ts';
import { Live } from '#lib/live.svelte.ts';
import type { PageLoad } from './$types';

const LIMIT = 200;

export const load: PageLoad = async ({ parent }) => {
  await parent();

  async function page(decided: boolean, after: string | null): Promise<KeysetPage<HeldSet>> {
    const query = { decided, limit: LIMIT, ...(after === null ? {} : { after }) };
    const { held, next } = await answerOf(api.GET('/api/v1/held', { params: { query } }));
    return { items: held, next };
  }

  /** All pages: what a person has to decide must not hide behind a button. */
  async function open(): Promise<readonly HeldSet[]> {
    const { items, next } = await page(false, null);
    const sets = [...items];
    for (let after = next; after !== null; ) {
      const more: KeysetPage<HeldSet> = await page(false, after);
      sets.push(...more.items);
      after = more.next;
    }
    return sets;
  }

  const decided = new KeysetList<HeldSet>(
    ({ id }) => id,
    (after) => page(true, after),
  );
  void decided.restart();
  return { open: new Live(open), decided };
};
