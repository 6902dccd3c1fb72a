/** Every page: for every eye and hand, on a telephone, light and dark, quick, and under its own policy. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CONNECTION,
  openScene,
  picture,
  type Scene,
  settled,
  sidewaysScroll,
  type Visit,
  violations,
  visit,
} from './browser.ts';

let scene: Scene;
/** Path → what is on it, in the order in which a person meets them. */
let paths: [name: string, path: string][];

beforeAll(async () => {
  scene = await openScene();
  const run = await scene.synchronise();
  const set = await scene.emptySource();
  await scene.key('viewer');
  paths = [
    ['overview', '/'],
    ['connection', `/connections/${CONNECTION}`],
    ['run', `/runs/${run}`],
    ['held-deletions', '/held'],
    ['held-set', `/held/${set}`],
    ['failures', '/failures'],
    ['integrity', '/integrity'],
    ['settings', '/settings'],
    ['nothing', '/nothing/here'],
  ];
});
afterAll(() => scene?.close());

async function everyPage(visited: Visit, look: (name: string) => Promise<void>): Promise<void> {
  for (const [name, path] of paths) {
    await visited.go(path);
    await look(name);
  }
}

describe.each([
  ['light', false],
  ['dark', true],
])('in %s', (look, dark) => {
  test('no page breaks a rule of WCAG 2.2 A or AA, and none is forbidden anything by its policy', async () => {
    const visited = await visit(scene, { key: scene.server.adminKey, dark });
    await everyPage(visited, async (name) => {
      expect(await violations(visited.page), name).toEqual([]);
      if (name === 'overview' || (!dark && name !== 'nothing')) await picture(visited.page, `${name}-${look}`);
    });
    expect(visited.complaints).toEqual([]);
    await visited.close();
    const stranger = await visit(scene, { key: null, dark });
    await stranger.go('/sign-in');
    expect(await violations(stranger.page)).toEqual([]);
    if (!dark) await picture(stranger.page, 'sign-in-light');
    await stranger.close();
  });
});

test('at 360 pixels no page moves sideways, and an open dialog fits', async () => {
  const visited = await visit(scene, { key: scene.server.adminKey, width: 360 });
  const { page } = visited;
  await everyPage(visited, async (name) => {
    expect(await sidewaysScroll(page), name).toBe(0);
    if (name === 'overview') await picture(page, 'overview-telephone');
    if (name !== 'held-set') return;
    await page.getByRole('button', { name: 'Approve' }).first().click();
    expect(await sidewaysScroll(page), 'dialog').toBe(0);
    expect(await violations(page), 'dialog').toEqual([]);
  });
  await visited.close();
});

test('with the keyboard alone: sign in, find what needs a decision, reject it', async () => {
  const { page, close, complaints } = await visit(scene, { key: null });
  const press = (...keys: string[]) =>
    keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  /** As often as a person would: until the focus is on it. */
  const tabTo = async (name: RegExp) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate<string>(
        "(document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.labels?.[0]?.textContent ?? document.activeElement?.textContent ?? '').trim()",
      );
      if (name.test(focused)) return;
    }
    throw new Error(`The keyboard does not reach ${name}.`);
  };
  await page.goto('/sign-in');
  await page.getByRole('heading', { level: 1 }).waitFor();
  await tabTo(/^Key$/);
  await page.keyboard.type(scene.server.adminKey);
  await press('Enter');
  await page.getByRole('heading', { name: 'Needs a person' }).waitFor();
  await tabTo(/^Skip to the content$/);
  await press('Enter');
  await tabTo(/^Decide: /);
  await press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Held deletions' }).waitFor();
  await settled(page);
  await tabTo(/^Inspect and decide: /);
  await press('Enter');
  await page.getByRole('heading', { name: 'Proof of absence' }).waitFor();
  await tabTo(/^Reject: keep them$/);
  await press('Enter');
  await page.getByRole('dialog').waitFor();
  // Escape is "not now", and the focus is back where it was.
  await press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await press('Enter');
  await page.getByRole('dialog').waitFor();
  await tabTo(/^Note/);
  await page.keyboard.type('They are back.');
  await tabTo(/^Reject: keep them$/);
  await press('Enter');
  await page.getByText('rejected, kept').waitFor();
  expect(complaints).toEqual([]);
  await close();
});

test('each page is small: at most 120 kB of scripts, compressed', async () => {
  for (const [name, path] of paths) {
    const visited = await visit(scene, { key: scene.server.adminKey });
    let bytes = 0;
    let streams = 0;
    visited.page.on('response', (response) => {
      if (response.request().resourceType() === 'script') bytes += Number(response.headers()['content-length'] ?? 0);
      if (response.headers()['content-type']?.startsWith('text/event-stream')) streams++;
    });
    await visited.page.goto(path);
    await visited.page.getByRole('heading', { level: 1 }).waitFor();
    expect(bytes, name).toBeGreaterThan(20_000);
    expect(bytes, name).toBeLessThan(120_000);
    expect(streams, name).toBeLessThanOrEqual(1);
    await visited.close();
  }
});
