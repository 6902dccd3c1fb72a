import { expect, test } from 'vitest';
import { copyToneOf, documentStateOf } from './document-state.ts';
import { partsOf } from './highlights.ts';

const one = { status: 'complete', stage: null, warnings: [], textPages: 1, keptOn: null };

test('a document at work says at what', () => {
  expect(documentStateOf({ ...one, status: 'processing', stage: 'analyzing' })).toEqual({
    text: 'being read: reading',
    tone: 'busy',
  });
  expect(documentStateOf({ ...one, status: 'error' }).tone).toBe('warn');
});

test('a document of which something cannot be found is not called searchable', () => {
  const read = (...warnings: string[]) => documentStateOf({ ...one, warnings });
  expect(read()).toEqual({ text: 'read and searchable', tone: 'good' });
  expect(read('active_content', 'thumbnail_failed')).toEqual(read());
  expect(read('ocr_missing')).toEqual({ text: 'read, but not all of it', tone: 'warn' });
  expect(read('no_text', 'ocr_missing')).toEqual({ text: 'read; no text to search', tone: 'warn' });
});

test('a document that is kept on another machine says where', () => {
  const there = { ...one, keptOn: 'documents.example.org' };
  expect(documentStateOf(there)).toEqual({ text: 'kept on documents.example.org', tone: 'good' });
  expect(documentStateOf({ ...there, status: 'queued' }).tone).toBe('off');
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
