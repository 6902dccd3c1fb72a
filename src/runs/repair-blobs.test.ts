/** What is done about a lost content, by who names it and what is configured. */
import { expect, test } from 'vitest';
import type { NamedContent } from '../ports/content-names.ts';
import type { BlobDifference } from './compare-blobs.ts';
import type { FileConnection } from './connections.ts';
import { deedOf, inRepairOrder } from './repair-blobs.ts';

const CONNECTIONS = [{ id: 'practice' }] as unknown as readonly FileConnection[];
const content = { sha256: 'a'.repeat(64), size: 3, patientUuid: 'p' };

function named(
  role: 'original' | 'part',
  { connectionId = 'practice', path = 'notes/a.pdf' }: { connectionId?: string | null; path?: string | null } = {},
): NamedContent {
  const original = { sha256: 'b'.repeat(64), size: 5 };
  const document = { documentUuid: 'd', connectionId, reference: 'r', path, original, isReadAgain: false };
  return { ...content, role, document };
}
const group: NamedContent = { ...content, role: 'group', groupId: 'g' };

function difference(...names: NamedContent[]): BlobDifference {
  return { ...content, kind: 'missing', message: 'It is not there.', code: 'blob_missing', names };
}

test.each([
  ['a document of a connection', [named('original')], 'copy'],
  ['an upload', [named('original', { connectionId: null, path: null })], 'bring'],
  [
    'a document of a connection that is not configured any more',
    [named('original', { connectionId: 'gone' })],
    'bring',
  ],
  ['a document without a path', [named('original', { path: '' })], 'bring'],
  ['an upload that a connection has as well', [named('original', { connectionId: null }), named('original')], 'copy'],
  ['an upload that is a part of another document', [named('original', { connectionId: null }), named('part')], 'read'],
  ['a part', [named('part', { connectionId: null })], 'read'],
  ['the PDF of a group', [group], 'merge'],
  ['a part that is the PDF of a group, too', [named('part'), group], 'read'],
  ['nobody', [], 'forget'],
] as const)('a content of %s', (_, names, deed) => {
  expect(deedOf(CONNECTIONS, difference(...names))).toBe(deed);
});

test('originals come before what is made of them', () => {
  const [merge, read, forget] = [difference(group), difference(named('part')), difference()];
  const [bring, copy] = [difference(named('original', { connectionId: null })), difference(named('original'))];
  expect(inRepairOrder(CONNECTIONS, [forget, merge, read, bring, copy])).toEqual([copy, bring, read, merge, forget]);
});
