import { expect, test } from 'vitest';
import { labelOf, shapeOf, textOf } from './case-summary.ts';

const say = { yes: 'yes', no: 'no' };

test.each([
  ['text', 'Text'],
  ['chiefComplaint', 'Chief complaint'],
  ['follow_up_date', 'Follow up date'],
  ['ECGFindings', 'ECGFindings'],
  ['bloodPressureMMHg', 'Blood pressure MMHg'],
])('the part %s is called %s', (name, label) => {
  expect(labelOf(name)).toBe(label);
});

test('only a summary that is a text and nothing else is one', () => {
  expect(textOf({ text: 'Healed.' })).toBe('Healed.');
  expect(textOf({ text: 'Healed.', by: 'a program' })).toBeNull();
  expect(textOf({ text: ['Healed.'] })).toBeNull();
  expect(textOf(null)).toBeNull();
});

test('whatever JSON was saved has a shape, however deep it goes', () => {
  expect(shapeOf({ a: 1 }, 0, say)).toEqual({ kind: 'parts', parts: [['a', 1]] });
  expect(shapeOf(['x'], 0, say)).toEqual({ kind: 'list', items: ['x'] });
  expect(shapeOf(true, 0, say)).toEqual({ kind: 'text', text: 'yes' });
  expect(shapeOf(null, 0, say)).toEqual({ kind: 'text', text: '' });
  expect(shapeOf({}, 0, say)).toEqual({ kind: 'text', text: '' });
  expect(shapeOf({ a: { b: 1 } }, 6, say)).toEqual({ kind: 'text', text: '{"a":{"b":1}}' });
});
