/** The pictures of the documentation: each that is named is there, each that is there is named, and a test takes it. */
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFile(new URL(path, ROOT), 'utf8');

test('pictures and their names agree', async () => {
  const pages = [
    'README.md',
    ...(await readdir(new URL('docs/', ROOT))).filter((n) => n.endsWith('.md')).map((n) => `docs/${n}`),
  ];
  const texts = await Promise.all(pages.map(read));
  const named = new Set(texts.flatMap((text) => [...text.matchAll(/images\/([\w-]+)\.png/g)].map(([, name]) => name!)));
  const there = (await readdir(new URL('docs/images/', ROOT))).map((name) => name.replace(/\.png$/, ''));
  expect([...named].sort()).toEqual(there.sort());

  const tests = (await readdir(new URL('test/web/', ROOT))).filter((name) => name.endsWith('.test.ts'));
  const code = (await Promise.all(tests.map((name) => read(`test/web/${name}`)))).join('\n');
  const taken = new Set([...code.matchAll(/'([a-z-]+-(?:light|dark|telephone))'/g)].map(([, name]) => name!));
  // The pages of accessible.test.ts are named in a list, with the look at the end.
  for (const [, name] of code.matchAll(/\['([a-z-]+)', ['`]\//g))
    for (const look of ['light', 'dark']) taken.add(`${name}-${look}`);
  expect([...named].filter((name) => !taken.has(name))).toEqual([]);
});
