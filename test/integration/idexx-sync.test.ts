/** The book of a clinic at a sample portal, copied through the connector, the real browser and the real engine on PostgreSQL. */
import { afterEach, expect, test } from 'vitest';
import { type IdexxSetup, setUpIdexx } from '../support/idexx-setup.ts';

let setup: IdexxSetup | null = null;
afterEach(async () => {
  await setup?.close();
  setup = null;
});

test('the first run logs in and copies fourteen days; a second one finds nothing to do and does not log in', async () => {
  setup = await setUpIdexx();
  const first = await setup.run();
  expect(first).toMatchObject({ state: 'completed', outcome: 'success', error: null });
  expect(new Set(setup.calls()).size).toBe(14);
  await setup.expectBook();
  const again = await setup.run();
  expect(again).toMatchObject({ outcome: 'success', counts: { added: 0, updated: 0, moved: 0, removed: 0 } });
  expect(again.counts.same).toBe(first.counts.added);
  expect(setup.portal.logins).toBe(1);
});
