/** What can be configured is told somewhere: a setting that nobody can find is none. */
import { readdir, readFile } from 'node:fs/promises';
import Type, { type TSchema } from 'typebox';
import { expect, test } from 'vitest';
import { VARIABLE_NAMES } from '../../src/config/environment.ts';
import { ConfigFile } from '../../src/config/schema.ts';

const DOCS = new URL('../../docs/', import.meta.url);

function namesOf(schema: TSchema): string[] {
  if (Type.IsUnion(schema)) return schema.anyOf.flatMap(namesOf);
  if (Type.IsArray(schema)) return namesOf(schema.items);
  if (!Type.IsObject(schema)) return [];
  return Object.entries(schema.properties).flatMap(([name, inner]) => [name, ...namesOf(inner)]);
}

test('every setting of the file and every variable is in docs', async () => {
  const files = (await readdir(DOCS)).filter((name) => name.endsWith('.md'));
  const text = (await Promise.all(files.map((name) => readFile(new URL(name, DOCS), 'utf8')))).join('\n');
  const names = new Set([...namesOf(ConfigFile), ...VARIABLE_NAMES]);
  expect(names.size).toBeGreaterThan(100);
  expect(names).toContain('fanOutUnits');
  expect([...names].filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
});
