import { expect, test } from 'vitest';
import type { SettingField } from '#lib/api/client.ts';
import { changesOf, entryOf, inputOf, meantBy } from './settings-form.ts';

const field = (schema: object, value: unknown, more: Partial<SettingField> = {}): SettingField => ({
  name: 'x',
  title: 'X',
  help: '',
  expected: '',
  unit: null,
  schema: schema as SettingField['schema'],
  default: null,
  default_text: null,
  value,
  configured: value,
  from: 'file',
  changed_at: null,
  changed_by: null,
  fixed: null,
  ...more,
});
const strings = { type: 'array', items: { type: 'string' } };
const breaks = {
  type: 'array',
  items: { properties: { name: { type: 'string' }, on: { type: 'array', items: { enum: ['mon', 'tue'] } } } },
};

test.each([
  [{ enum: ['all', 'recorded'] }, 'all', 'recorded', 'recorded'],
  [{ type: 'boolean' }, true, 'false', false],
  [{ type: 'integer' }, 14, '7', 7],
  [{ type: 'integer' }, 14, '', null],
  [{ type: 'string' }, '60s', ' 30s ', '30s'],
  [{ anyOf: [{ type: 'integer' }, { const: 'unlimited' }] }, 200, '100', 100],
  [{ anyOf: [{ type: 'integer' }, { const: 'unlimited' }] }, 200, 'unlimited', 'unlimited'],
  [strings, ['a/', 'b/'], 'a/\n\n c/ ', ['a/', 'c/']],
  [strings, ['a/'], '', null],
])('%j: %j becomes what was written', (schema, value, written, meant) => {
  const known = field(schema, value);
  expect(changesOf([known], { x: entryOf(known) })).toEqual({});
  expect(changesOf([known], { x: written })).toEqual({ x: meant });
});

test('an empty list is said where the default is another list', () => {
  expect(meantBy(field(strings, ['a/'], { default: ['notes/'] }), '')).toEqual([]);
});

test('rows have a text or choices for each part', () => {
  const known = field(breaks, [{ name: 'Lunch', on: ['mon'] }]);
  expect(inputOf(known)).toEqual({
    kind: 'rows',
    parts: [
      { name: 'name', choices: null },
      { name: 'on', choices: ['mon', 'tue'] },
    ],
  });
  expect(changesOf([known], { x: [] })).toEqual({ x: null });
});

test('what is fixed is never sent', () => {
  expect(changesOf([field({ type: 'string' }, 'a', { fixed: 'Only there.' })], { x: 'b' })).toEqual({});
});
