import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { createTimeReader } from './source-time.ts';

const sydney = createTimeReader('Australia/Sydney');

describe('wall clock of the source', () => {
  it.each([
    ['2024-01-15 09:30:00', '2024-01-14T22:30:00.000Z'],
    ['2024-07-15 09:30:00', '2024-07-14T23:30:00.000Z'],
    ['2024-01-15T09:30:00', '2024-01-14T22:30:00.000Z'],
    ['2024-01-15', '2024-01-14T13:00:00.000Z'],
    ['2024-01-15 09:30:00.123987', '2024-01-14T22:30:00.123Z'],
    // The clock is put forward from 2:00 to 3:00, and back from 3:00 to 2:00.
    ['2024-10-06 01:59:59', '2024-10-05T15:59:59.000Z'],
    ['2024-10-06 02:30:00', '2024-10-05T16:30:00.000Z'],
    ['2024-10-06 03:00:00', '2024-10-05T16:00:00.000Z'],
    ['2024-04-07 02:30:00', '2024-04-06T15:30:00.000Z'],
    ['2024-04-07 03:00:00', '2024-04-06T17:00:00.000Z'],
    ['2024-02-29 12:00:00', '2024-02-29T01:00:00.000Z'],
  ])('%s is %s', (text, instant) => {
    expect(sydney(text, false).instant).toBe(instant);
  });

  it.each([
    '0000-00-00 00:00:00',
    '0000-00-00',
    '0001-01-01 00:00:00',
    '2024-00-10 00:00:00',
    '2024-02-30 00:00:00',
    '2023-02-29 00:00:00',
    '2024-01-15 24:00:00',
    '2024-01-15 10:60:00',
    'infinity',
    '15/01/2024',
    '',
    '2024-01-15 09:30',
  ])('%j is no time, but its text still counts for the fingerprint', (text) => {
    const { instant, raw } = sydney(text, false);
    expect({ instant, raw }).toEqual({ instant: null, raw: text });
  });

  it('no text is no time', () => {
    expect(sydney(null, false)).toEqual({ instant: null, raw: null });
  });

  it('agrees with Temporal at every time in any zone', () => {
    const zones = [
      'Australia/Sydney',
      'Australia/Lord_Howe',
      'America/St_Johns',
      'Africa/Casablanca',
      'Pacific/Apia',
      'UTC',
    ];
    const readers = new Map(zones.map((zone) => [zone, createTimeReader(zone)]));
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.date({ min: new Date('1970-01-01T00:00:00Z'), max: new Date('2037-12-31T00:00:00Z'), noInvalidDate: true }),
        (zone, date) => {
          const wall = date.toISOString().slice(0, 19);
          const expected = Temporal.PlainDateTime.from(wall).toZonedDateTime(zone).epochMilliseconds;
          expect(Date.parse(readers.get(zone)!(wall.replace('T', ' '), false).instant!)).toBe(expected);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('reads a day that a zone left out', () => {
    // Samoa went from 29 to 31 December 2011.
    expect(createTimeReader('Pacific/Apia')('2011-12-30 12:00:00', false).instant).toBe('2011-12-30T22:00:00.000Z');
  });
});

describe('times that know their zone', () => {
  it.each(['2024-01-15 09:30:00+00', '2024-01-15 09:30:00Z', '2024-01-15 15:15:00+05:45', '2024-01-15 06:00:00-03:30'])(
    '%s',
    (text) => {
      expect(sydney(text, false)).toEqual({ instant: '2024-01-15T09:30:00.000Z', raw: '2024-01-15T09:30:00' });
    },
  );

  it('are spelled alike by the servers', () => {
    const mysql = sydney('2024-01-15 09:30:00.120000', true);
    expect(mysql).toEqual(sydney('2024-01-15 09:30:00.12+00', false));
    expect(mysql).toEqual({ instant: '2024-01-15T09:30:00.120Z', raw: '2024-01-15T09:30:00.12' });
    expect(sydney('2024-01-15 09:30:00.100', false).raw).toBe(sydney('2024-01-15 09:30:00.1', false).raw);
    expect(sydney('2024-01-15 09:30:00.000000', false).raw).toBe('2024-01-15 09:30:00');
  });
});
