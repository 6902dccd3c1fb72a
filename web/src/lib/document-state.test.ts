import { expect, test } from 'vitest';
import { copyToneOf, documentStateOf } from './document-state.ts';
import { partsOf } from './highlights.ts';

test('a document at work says at what', () => {
  expect(documentStateOf({ status: 'processing', stage: 'analyzing' })).toEqual({
    text: 'being read: reading',
    tone: 'busy',
  });
  expect(documentStateOf({ status: 'error', stage: null }).tone).toBe('warn');
});

test('what could not be looked at is neither good nor bad', () => {
  expect(copyToneOf('same').tone).toBe('good');
  expect(copyToneOf('unknown').tone).toBe('warn');
  expect(copyToneOf('surplus').tone).toBe('bad');
});

test('hits are cut out by their offsets, whatever the text holds', () => {
  const text = 'a <b>wrist</b> 😀 wrist';
  const at = text.indexOf('wrist');
  const last = text.lastIndexOf('wrist');
  const parts = partsOf(text, [
    [at, at + 5],
    [last, last + 5],
  ]);
  expect(parts.map((part) => part.text).join('')).toBe(text);
  expect(parts.filter((part) => part.hit).map((part) => part.text)).toEqual(['wrist', 'wrist']);
});

test('offsets that are none change nothing', () => {
  const wrong = [
    [5, 2],
    [2, 99],
    [0, 3],
    [1, 4],
  ];
  expect(partsOf('wrist', wrong)).toEqual([
    { text: 'wri', hit: true },
    { text: 'st', hit: false },
  ]);
});
