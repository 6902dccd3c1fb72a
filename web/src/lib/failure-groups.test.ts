import { expect, test } from 'vitest';
import type { Failure } from './api/client.ts';
import { groupsOf } from './failure-groups.ts';

const failure = (id: string, code: string, state: Failure['state'] = 'waiting') =>
  ({ id, code, state, error: `${code} happened`, remedy: `Mend ${code}.` }) as Failure;

test('failures of one cause stand together, the most first, skipped ones last', () => {
  const groups = groupsOf([
    failure('1', 'file_empty'),
    failure('2', 'file_missing', 'skipped'),
    failure('3', 'file_missing'),
    failure('4', 'file_denied'),
  ]);
  expect(groups.map(({ code, failures }) => [code, failures.map(({ id }) => id)])).toEqual([
    ['file_missing', ['3', '2']],
    ['file_denied', ['4']],
    ['file_empty', ['1']],
  ]);
  expect(groups[0]).toMatchObject({ message: 'file_missing happened', remedy: 'Mend file_missing.' });
});
