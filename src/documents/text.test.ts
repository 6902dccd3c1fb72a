import { describe, expect, test } from 'vitest';
import { jsonLine } from './json-line.ts';
import { normaliseText } from './normalise-text.ts';
import { breakLines } from './rendition/line-break.ts';
import { detectEncoding } from './text-encoding.ts';
import { textKind } from './text-kind.ts';

describe('normalised text', () => {
  test.each([
    ['e\u0301', 'é'],
    ['ﬁnd ﬂuid', 'find fluid'],
    ['½ tablet, 3 m²', '½ tablet, 3 m²'],
    ['a \t\u00a0 b', 'a b'],
    ['a\r\nb\rc\u2028d', 'a\nb\nc\nd'],
    ['  a  \n\n\n\n  b ', 'a\n\nb'],
    ['soft\u00adware\u0000\u0007', 'software'],
    ['half \ud83d', 'half \ufffd'],
  ])('of %j is %j', (text, normal) => {
    expect(normaliseText(text)).toBe(normal);
    expect(normaliseText(normal)).toBe(normal);
  });
});

describe('the encoding of text', () => {
  test.each<[string, Buffer, string]>([
    ['UTF-8', Buffer.from('Zoë'), 'utf-8'],
    ['UTF-16 with a mark', Buffer.from('\ufeffZoë', 'utf16le'), 'utf-16le'],
    ['UTF-16 without a mark', Buffer.from('Zoë Sample', 'utf16le'), 'utf-16le'],
    ['UTF-16 the other way round', Buffer.from('Zoë Sample', 'utf16le').swap16(), 'utf-16be'],
    ['Windows-1252', Buffer.from('Zo\xeb', 'latin1'), 'windows-1252'],
  ])('%s', (_, bytes, encoding) => {
    expect(detectEncoding(bytes)).toBe(encoding);
  });
});

describe('the kind of text', () => {
  test.each<[string, string | null]>([
    ['Dear Zoe, thank you, and goodbye', 'text/plain'],
    ['Hello, Zoe\nHello, Max\nHello, all', 'text/plain'],
    ['a,b\n1,2\n3,4', 'text/csv'],
    ['a\tb\n1\t2\n3\t4\n', 'text/csv'],
    ['a,b\n1,2,3\n3,4', 'text/plain'],
    ['<!DOCTYPE html><p>x', 'text/html'],
    ['<?xml version="1.0"?><html>', 'text/html'],
    ['<?xml version="1.0"?><a/>', 'application/xml'],
    ['<svg xmlns="x">', 'image/svg+xml'],
    ['From: a\nTo: b\nMessage-ID: c\n\nx', 'message/rfc822'],
    ['From: a\nTo: b\nDate: c\n\nx', 'text/plain'],
    ['#!/bin/sh', 'text/x-shellscript'],
    ['\x00\x01\x02', null],
  ])('%j is %s', (text, kind) => {
    expect(textKind(Buffer.from(text))).toBe(kind);
  });

  test('bytes of a compressed file are no text', () => {
    expect(textKind(Buffer.from(Array.from({ length: 500 }, (_, n) => 0x80 + (n % 0x7f))))).toBeNull();
  });
});

test('lines are broken at blanks, and within a word that is too wide', () => {
  const lines = (text: string): string[] => breakLines(text, 6, (part) => part.length);
  expect(lines('one two three')).toEqual(['one', 'two', 'three']);
  expect(lines('a b c d e f')).toEqual(['a b c', 'd e f']);
  expect(lines('abcdefghij k')).toEqual(['abcdef', 'ghij k']);
  expect(lines('a\n\nb')).toEqual(['a', '', 'b']);
  expect(lines('')).toEqual(['']);
});

test('a line of JSON is one line for every reader', () => {
  const line = jsonLine({ text: 'a\n\u2028\u2029b' });
  expect(line.slice(0, -1)).not.toMatch(/[\n\u2028\u2029]/);
  expect(JSON.parse(line)).toEqual({ text: 'a\n\u2028\u2029b' });
});
