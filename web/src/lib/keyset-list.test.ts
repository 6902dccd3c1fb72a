import { expect, test, vi } from 'vitest';

// Nothing is drawn here: a rune is the value that it holds.
vi.stubGlobal(
  '$state',
  Object.assign(<T>(value: T) => value, { raw: <T>(value: T) => value }),
);
const { KeysetList } = await import('./keyset-list.svelte.ts');
type KeysetList<T> = import('./keyset-list.svelte.ts').KeysetList<T>;

interface Item {
  id: string;
}
const page = (ids: string, next: string | null) => ({ items: [...ids].map((id) => ({ id })), next });
const idsOf = (list: KeysetList<Item>) => list.items.map(({ id }) => id).join('');
const idOf = ({ id }: Item) => id;

test('pages come one after the other, and what comes twice is there once', async () => {
  const asked: (string | null)[] = [];
  const list = new KeysetList<Item>(idOf, async (after) => {
    asked.push(after);
    return after === null ? page('abc', 'c') : page('bcd', null);
  });
  await list.restart();
  expect([idsOf(list), list.complete]).toEqual(['abc', false]);
  await list.more();
  expect([idsOf(list), list.complete, list.count]).toEqual(['abcd', true, 4]);
  await list.more();
  expect(asked).toEqual([null, 'c']);
});

test('the answer to an earlier question is forgotten', async () => {
  let answer: (value: ReturnType<typeof page>) => void = () => undefined;
  let first = true;
  const list = new KeysetList<Item>(idOf, async () => {
    if (!first) return page('new', null);
    first = false;
    return new Promise((resolve) => (answer = resolve));
  });
  const old = list.restart();
  await list.restart();
  answer(page('old', null));
  await old;
  expect(idsOf(list)).toBe('new');
});

test('a page that failed is asked for again, and what was there stays', async () => {
  let broken = false;
  const list = new KeysetList<Item>(idOf, async (after) => {
    if (broken) throw new Error('x');
    return after === null ? page('ab', 'b') : page('cd', null);
  });
  await list.restart();
  broken = true;
  await list.more();
  expect([idsOf(list), list.problem?.kind]).toEqual(['ab', 'failed']);
  broken = false;
  await list.again();
  expect([idsOf(list), list.problem]).toEqual(['abcd', null]);
});

test('all that is left is read, and no more than once', async () => {
  const asked: (string | null)[] = [];
  const list = new KeysetList<Item>(idOf, async (after) => {
    asked.push(after);
    const at = after === null ? 0 : Number(after);
    return page('abcd'.charAt(at), at < 3 ? String(at + 1) : null);
  });
  const begun = list.restart();
  await Promise.all([list.rest(), list.rest()]);
  await begun;
  expect([idsOf(list), list.complete, asked]).toEqual(['abcd', true, [null, '1', '2', '3']]);
});

test('a page that cannot be had ends the reading of all', async () => {
  const list = new KeysetList<Item>(idOf, async (after) => {
    if (after !== null) throw new Error('x');
    return page('ab', 'b');
  });
  await list.restart();
  await list.rest();
  expect([idsOf(list), list.complete, list.problem?.kind]).toEqual(['ab', false, 'failed']);
});

test('what is shown is renewed in its place: what is gone goes, what changed is new, and nothing is lost when that fails', async () => {
  let now = [
    { id: 'a', state: 'waits' },
    { id: 'b', state: 'waits' },
    { id: 'c', state: 'waits' },
  ];
  let broken = false;
  const list = new KeysetList<{ id: string; state: string }>(idOf, async (after) => {
    if (broken) throw new Error('x');
    const from = after === null ? 0 : Number(after);
    return { items: now.slice(from, from + 2), next: from + 2 < now.length ? String(from + 2) : null };
  });
  const shown = () => list.shown.map(({ id, state }) => `${id} ${state}`);
  await list.restart();
  now = [
    { id: 'b', state: 'read' },
    { id: 'c', state: 'read' },
    { id: 'd', state: 'read' },
  ];
  await list.renew();
  expect([shown(), list.complete]).toEqual([['b read', 'c read'], false]);
  await list.more();
  expect([shown(), list.complete]).toEqual([['b read', 'c read', 'd read'], true]);
  broken = true;
  await list.renew();
  expect([shown(), list.problem]).toEqual([['b read', 'c read', 'd read'], null]);
});

test('of two looks for what is new the one that was asked for later counts, whichever is answered first', async () => {
  const answers: ((value: ReturnType<typeof page>) => void)[] = [];
  const list = new KeysetList<Item>(idOf, () => new Promise((resolve) => answers.push(resolve)));
  const begun = list.restart();
  answers[0]?.(page('a', null));
  await begun;
  const looks = [list.renew(), list.renew(), list.renew()];
  answers[1]?.(page('b', null));
  await looks[0];
  expect(idsOf(list)).toBe('b');
  answers[3]?.(page('d', null));
  await looks[2];
  answers[2]?.(page('c', null));
  await looks[1];
  expect(idsOf(list)).toBe('d');
});
