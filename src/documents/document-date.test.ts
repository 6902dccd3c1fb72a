import { expect, test } from 'vitest';
import type { DocumentDateGuess } from '../ports/document-content.ts';
import { guessDate } from './document-date.ts';

const guess = (firstPage: string, fileName: string | null = null, metadata: string | null = null): string | null => {
  const found = guessDate({ mailDate: null, firstPage, fileName, metadata, today: '2026-01-31' });
  return found === null ? null : `${found.date} ${found.from}`;
};

test.each<[string, string]>([
  ['Date: 5/3/2024', '2024-03-05 label'],
  ['Dated 5 March 2024', '2024-03-05 label'],
  ['Date of Report:\n5th March, 2024', '2024-03-05 label'],
  ['Consultation date 05.03.24', '2024-03-05 label'],
  ['March 5, 2024', '2024-03-05 text'],
  ['2024-03-05', '2024-03-05 text'],
  ['25-12-2023', '2023-12-25 text'],
  ['12/25/2023', '2023-12-25 text'],
  ['DOB: 1/4/1970\nSeen on 5/3/2024', '2024-03-05 text'],
  ['Date of birth: 1/4/1970. Date of injury: 2/2/2020. Date: 5/3/2024', '2024-03-05 label'],
  ['Next appointment 1/1/2026. Reported 5/3/2024', '2024-03-05 label'],
])('%j is of %s', (text, date) => {
  expect(guess(text)).toBe(date);
});

test.each([
  '',
  'no date',
  '31/2/2024',
  '99/99/2024',
  'Date: 1/1/2031',
  'DOB 1/4/1970',
  'Phone 03-9123-4567',
  '1.2.3.4',
])('%j has none', (text) => {
  expect(guess(text)).toBeNull();
});

test('the name of the file is asked before a date without a label, the metadata last', () => {
  expect(guess('Seen 1/2/2024', 'scan 2024-03-05.pdf')).toBe('2024-03-05 file_name');
  expect(guess('Date: 1/2/2024', 'scan 2024-03-05.pdf')).toBe('2024-02-01 label');
  expect(guess('', 'IMG_20240305_101112.jpg')).toBe('2024-03-05 file_name');
  expect(guess('', 'case 202403051.pdf')).toBeNull();
  expect(guess('', null, "D:20240305101112+10'00'")).toBe('2024-03-05 metadata');
  expect(guess('', null, 'D:20310305101112')).toBeNull();
});

test('the header of a mail is nearly sure, and two witnesses are better than one', () => {
  const sources = { mailDate: null, firstPage: 'Seen 5/3/2024', fileName: null, metadata: null, today: '2026-01-31' };
  const confidence = (more: Partial<Parameters<typeof guessDate>[0]>): number =>
    (guessDate({ ...sources, ...more }) as DocumentDateGuess).confidence;
  const alone = confidence({});
  const named = confidence({ fileName: '2024-03-05.pdf' });
  const mailed = confidence({ mailDate: '2024-03-04' });
  const unsure = confidence({ firstPage: 'Seen 5/3/2024 and 6/4/2024' });
  expect([unsure, alone, named, mailed]).toEqual([unsure, alone, named, mailed].toSorted((a, b) => a - b));
});
