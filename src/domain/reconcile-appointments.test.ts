import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  appointmentHash,
  blockId,
  type CalendarAppointment,
  isBlockId,
  sourceIdOf,
  takesPlace,
} from './appointments.ts';
import {
  AppointmentRemoval,
  CompleteWindow,
  changeOf,
  type DateRead,
  judgeWindow,
  reconcile,
  type StoredAppointment,
} from './reconcile-appointments.ts';

const DATES = ['2030-05-06', '2030-05-07', '2030-05-08'] as const;
const WINDOW = { from: DATES[0], to: DATES[2] };

function appointment(id: string, date: string, changes: Partial<CalendarAppointment> = {}): CalendarAppointment {
  const startsAt = Date.parse(`${date}T09:00:00Z`);
  return {
    neoAppointmentId: id,
    date,
    startTime: '09:00',
    endTime: '09:30',
    startsAt,
    endsAt: startsAt + 1_800_000,
    patientName: 'Biscuit',
    clientName: null,
    clientPhone: null,
    providerName: null,
    roomId: '7',
    appointmentType: null,
    status: 'scheduled',
    ...changes,
  };
}

function stored(a: CalendarAppointment, changes: Partial<StoredAppointment> = {}): StoredAppointment {
  const { neoAppointmentId, date, startsAt, endsAt, status } = a;
  const id = `row ${neoAppointmentId}`;
  const hash = appointmentHash(a);
  return {
    id,
    neoAppointmentId,
    date,
    startsAt,
    endsAt,
    status,
    hash,
    deleted: false,
    unconfirmedSince: null,
    ...changes,
  };
}

const read = (date: string, ...appointments: CalendarAppointment[]): DateRead => ({
  date,
  state: 'complete',
  readAt: 1,
  appointments,
});
const failed = (date: string): DateRead => ({ date, state: 'failed', code: 'source_timeout' });
const changes = (plan: ReturnType<typeof reconcile>) =>
  plan.writes.map((w) => [w.change, w.appointment.neoAppointmentId]);

test('every field that we keep is a change', () => {
  const now = appointment('1', DATES[0]);
  const others: Partial<CalendarAppointment>[] = [
    { patientName: 'Rex' },
    { clientName: 'x' },
    { clientPhone: 'x' },
    { providerName: 'x' },
    { roomId: '8' },
    { appointmentType: 'x' },
    { status: 'in_progress' },
  ];
  for (const other of others) expect(changeOf(stored(now), { ...now, ...other })).toBe('update');
  for (const time of [{ date: DATES[1] }, { startsAt: now.startsAt + 1 }, { endsAt: now.endsAt + 1 }]) {
    expect(changeOf(stored(now), { ...now, ...time })).toBe('move');
  }
  expect(changeOf(undefined, now)).toBe('add');
  expect(changeOf(stored(now, { deleted: true }), now)).toBe('restore');
  expect(changeOf(stored(now), { ...now, patientName: ' Biscuit ', clientName: '' })).toBe('same');
  // A separator in a name is not a border between fields.
  const parts = (patientName: string, clientName: string) => appointmentHash({ ...now, patientName, clientName });
  expect(parts('a|b', 'c')).not.toBe(parts('a', 'b|c'));
});

test('states that take a place, and ids of blocked times', () => {
  expect((['scheduled', 'in_progress', 'finalized'] as const).every(takesPlace)).toBe(true);
  expect((['cancelled', 'no_show'] as const).some(takesPlace)).toBe(false);
  const start = '2026-01-20T09:00:00';
  const ids = [blockId('5', start, '7'), blockId('5', start, '8'), blockId('5', start, null)];
  expect(new Set(ids).size).toBe(3);
  expect(ids.map(sourceIdOf)).toEqual(['5', '5', '5']);
  expect([...ids.map(isBlockId), isBlockId('5')]).toEqual([true, true, true, false]);
  expect(sourceIdOf('5')).toBe('5');
});

describe('reconcile', () => {
  test('sees a move to another date as one change, whichever date is read first', () => {
    const before = appointment('1', DATES[0]);
    const after = appointment('1', DATES[2]);
    for (const reads of [
      [read(DATES[0]), read(DATES[1]), read(DATES[2], after)],
      [read(DATES[2], after), read(DATES[1]), read(DATES[0])],
    ]) {
      const plan = reconcile(judgeWindow(WINDOW, reads), [stored(before)]);
      expect(changes(plan)).toEqual([['move', '1']]);
      expect(plan.removals).toEqual([]);
    }
  });

  test('removes nothing while any date is missing: what one lacks may be on another', () => {
    const rows = DATES.map((date, i) => stored(appointment(String(i), date)));
    const partial = judgeWindow(WINDOW, [read(DATES[0]), failed(DATES[1]), read(DATES[2])]);
    const plan = reconcile(partial, rows);
    expect(plan.removals).toEqual([]);
    // The row of the failed date is not even looked at.
    expect(plan.absent.map((a) => a.date)).toEqual([DATES[0], DATES[2]]);
    expect(partial).toMatchObject({ complete: false, missing: [DATES[1]] });
    expect('remove' in partial).toBe(false);
    expect(judgeWindow(WINDOW, [read(DATES[0]), read(DATES[2])])).toMatchObject({ missing: [DATES[1]] });
  });

  test('removes what a complete window lacks, of its own dates only', () => {
    const outside = stored(appointment('outside', '2030-05-09'));
    const gone = stored(appointment('gone', DATES[1]));
    const plan = reconcile(
      judgeWindow(
        WINDOW,
        DATES.map((date) => read(date)),
      ),
      [outside, gone],
    );
    expect(plan.removals.map((r) => r.stored)).toEqual([gone]);
    expect(plan).toMatchObject({ inSource: 0, stored: 1 });
  });

  test('counts once what two reads return, and believes the later one', () => {
    const night = appointment('night', DATES[0], { startTime: '23:30', endTime: '00:30' });
    const later = { ...night, patientName: 'Rex' };
    const plan = reconcile(judgeWindow(WINDOW, [read(DATES[0], night), read(DATES[1], later), read(DATES[2])]), []);
    expect(plan.writes).toEqual([{ change: 'add', appointment: later }]);
    expect(plan.inSource).toBe(1);
    const again = [read(DATES[0], night), read(DATES[1]), read(DATES[2]), failed(DATES[0])];
    expect(judgeWindow(WINDOW, again)).toMatchObject({ complete: false, missing: [DATES[0]] });
  });

  test('of two answers believes the one that was asked for later, though it came first', () => {
    const before = appointment('1', DATES[0]);
    const after = appointment('1', DATES[1]);
    const late: DateRead = { date: DATES[1], state: 'complete', readAt: 2, appointments: [after] };
    const plan = reconcile(judgeWindow(WINDOW, [late, read(DATES[0], before), read(DATES[2])]), [stored(before)]);
    expect(plan.writes).toEqual([{ change: 'move', appointment: after }]);
  });

  test('removes what began before the window only when it is known to be gone, and every date was read', () => {
    const carried = ['gone', 'kept', 'there'].map((id) =>
      stored(appointment(id, '2030-05-05'), { kept: id === 'kept' }),
    );
    const gone = new Set(['row gone', 'row kept']);
    const whole = DATES.map((date) => read(date));
    const removals = (reads: DateRead[]) =>
      reconcile(judgeWindow(WINDOW, reads), carried, gone).removals.map((r) => r.stored.neoAppointmentId);
    expect(removals(whole)).toEqual(['gone']);
    expect(removals([...whole.slice(0, 2), failed(DATES[2])])).toEqual([]);
    expect(removals([...whole.slice(0, 2), read(DATES[2], appointment('gone', '2030-05-05'))])).toEqual([]);
  });

  test('brings back what had been removed, and clears the mark of what is seen again', () => {
    const back = appointment('back', DATES[0]);
    const seen = appointment('seen', DATES[0]);
    const rows = [stored(back, { deleted: true }), stored(seen, { unconfirmedSince: 5 })];
    const plan = reconcile(judgeWindow(WINDOW, [read(DATES[0], back, seen), failed(DATES[1])]), rows);
    expect(changes(plan)).toEqual([['restore', 'back']]);
    expect(plan).toMatchObject({ same: 1, confirmed: ['row seen'] });
  });

  test('nobody else makes a removal', () => {
    const row = stored(appointment('1', DATES[0]));
    expect(() => new AppointmentRemoval(Symbol('forged') as never, row)).toThrow(TypeError);
    expect(() => new CompleteWindow(Symbol('forged') as never, { window: WINDOW, reads: [] })).toThrow(TypeError);
  });

  const date = fc.constantFrom(...DATES);
  const someIds = fc.uniqueArray(fc.constantFrom('1', '2', '3', '4', '5', '6'), { maxLength: 6 });
  test('done once, it leaves nothing to do; a removal needs an id that no date showed', () => {
    fc.assert(
      fc.property(
        someIds,
        someIds,
        fc.array(date, { minLength: 6, maxLength: 6 }),
        fc.array(date, { minLength: 6, maxLength: 6 }),
        fc.subarray([...DATES]),
        (before, now, dateBefore, dateNow, failing) => {
          const rows = before.map((id) => stored(appointment(id, dateBefore[Number(id) - 1]!)));
          const reads = DATES.map((d) =>
            failing.includes(d)
              ? failed(d)
              : read(d, ...now.filter((id) => dateNow[Number(id) - 1] === d).map((id) => appointment(id, d))),
          );
          const window = judgeWindow(WINDOW, reads);
          const plan = reconcile(window, rows);
          const shown = new Set(
            reads.flatMap((r) => (r.state === 'complete' ? r.appointments : [])).map((a) => a.neoAppointmentId),
          );
          const removed = plan.removals.map((r) => r.stored.neoAppointmentId).sort();
          const expected = failing.length > 0 ? [] : before.filter((id) => !shown.has(id)).sort();
          expect(removed).toEqual(expected);
          const after = new Map(rows.map((row) => [row.neoAppointmentId, row]));
          for (const w of plan.writes) after.set(w.appointment.neoAppointmentId, stored(w.appointment));
          for (const id of removed) after.delete(id);
          const next = reconcile(window, [...after.values()]);
          expect(next.writes).toEqual([]);
          expect(next.removals).toEqual([]);
          expect(next.absent).toEqual(failing.length > 0 ? plan.absent : []);
        },
      ),
    );
  });
});
