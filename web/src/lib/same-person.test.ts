import { expect, test } from 'vitest';
import { likenessOf } from './same-person.ts';

const person = (patientName: string | null, patientDob: string | null) => ({ patientName, patientDob });

test('a name in another order and a date in another form are the same', () => {
  expect(likenessOf(person('Doe, Zoë', '03/04/1980'), person('zoe doe', '1980-04-03'))).toEqual({
    name: 'same',
    birthDate: 'same',
  });
});

test('another name or date differs, and what nobody knows is neither', () => {
  expect(likenessOf(person('Jane Doe', '03/04/1980'), person('John Doe', '04/03/1980'))).toEqual({
    name: 'differs',
    birthDate: 'differs',
  });
  expect(likenessOf(person(null, '03/04/1980'), person('John Doe', ''))).toEqual({
    name: 'unknown',
    birthDate: 'unknown',
  });
});
