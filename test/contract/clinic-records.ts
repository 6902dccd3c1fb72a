/** The contract of `src/ports/clinic-records.ts`, sentence by sentence, for any adapter. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppointmentData, ClinicRecord, PatientData } from '../../src/domain/clinic.ts';
import { judgeRead, type Removal } from '../../src/domain/completeness.ts';
import type { ClinicRecords, StoredRecord } from '../../src/ports/clinic-records.ts';
import type { Fence } from '../../src/ports/document-records.ts';

export interface ClinicStoresUnderTest {
  readonly records: ClinicRecords;
  /** Takes the lease of a connection that nobody has. */
  begin(organizationId: string): Promise<Fence>;
  /** The connection goes to a successor. */
  overtake(fence: Fence): Promise<Fence>;
  /** What is computed about a patient. */
  activity(fence: Fence, patient: string): Promise<{ active: boolean; total: number; next: string | null }>;
  /** When the record last changed as it is shown, epoch ms. */
  changedAt(fence: Fence, list: 'patients' | 'appointments', reference: string): Promise<number>;
  /** Name of the type of a patient's next visit. */
  nextType(fence: Fence, patient: string): Promise<string | null>;
  close(): Promise<void>;
}

const DAY = 24 * 3600 * 1000;
const NOW = Date.parse('2026-03-03T09:00:00Z');
const iso = (at: number) => new Date(at).toISOString();

const patient = (reference: string, changes: Partial<PatientData> = {}): ClinicRecord<'patients'> => {
  const data: PatientData = {
    createdAt: iso(NOW - 90 * DAY),
    updatedAt: iso(NOW - 60 * DAY),
    title: null,
    firstName: 'Avery',
    lastName: 'Sample',
    preferredFirstName: null,
    email: null,
    phones: [],
    birthDate: '1980-01-31',
    sex: null,
    genderIdentity: null,
    address: null,
    timeZone: null,
    oldReferenceId: null,
    archivedAt: null,
    deletedAt: null,
    mergedAt: null,
    mergedInto: null,
    ...changes,
  };
  return { stream: 'patients', reference, fingerprint: JSON.stringify(data).slice(-400), data };
};

const appointment = (
  reference: string,
  startsAt: number,
  changes: Partial<AppointmentData> = {},
): ClinicRecord<'individual_appointments'> => {
  const data: AppointmentData = {
    createdAt: iso(NOW - 90 * DAY),
    updatedAt: iso(NOW - 60 * DAY),
    startsAt: iso(startsAt),
    endsAt: iso(startsAt + 1800_000),
    state: 'booked',
    archivedAt: null,
    deletedAt: null,
    cancelledAt: null,
    cancellationReason: null,
    didNotArrive: false,
    arrived: false,
    patient: '1',
    practitioner: '7',
    business: '8',
    appointmentType: '9',
    patientCase: null,
    repeatedFrom: null,
    maxAttendees: null,
    notes: null,
    ...changes,
  };
  return { stream: 'individual_appointments', reference, fingerprint: `${reference} ${JSON.stringify(data)}`, data };
};

const READ = judgeRead({
  startedAt: NOW,
  finishedAt: NOW,
  ended: true,
  itemsRead: 1,
  itemsExpected: 1,
  share: 'not-applicable',
  resumed: false,
});

function removalOf(stored: StoredRecord): Removal<StoredRecord> {
  if (!READ.complete) throw new Error('not complete');
  const judgement = READ.judge({ kind: 'absent', absence: 'gone', stored });
  if (judgement.verdict !== 'remove') throw new Error('not removed');
  return judgement.removal;
}

/** @param makeStores called once; every test uses an organisation of its own. */
export function describeClinicRecords(name: string, makeStores: () => Promise<ClinicStoresUnderTest>): void {
  describe(`clinic records contract: ${name}`, () => {
    let stores: ClinicStoresUnderTest;
    let records: ClinicRecords;
    let organizations = 0;
    const begin = () => stores.begin(`org_${++organizations}`);
    const add = (fence: Fence, ...added: ClinicRecord[]) =>
      records.write(fence, added[0]!.stream, { added, updated: [] }, {}, NOW);
    const stored = async (fence: Fence, stream: ClinicRecord['stream'] = 'patients') => {
      const found: StoredRecord[] = [];
      for await (const record of records.stored(fence, stream)) found.push(record);
      return found;
    };

    beforeAll(async () => {
      stores = await makeStores();
      records = stores.records;
    });
    afterAll(() => stores.close());

    it('writes by reference: the same record again is the same row, a changed one has its new fingerprint', async () => {
      const fence = await begin();
      await add(fence, patient('1'));
      const [first] = await stored(fence);
      const changed = patient('1', { firstName: 'Blake' });
      await records.write(fence, 'patients', { added: [], updated: [changed] }, {}, NOW);
      const found = await records.find(fence, 'patients', ['1', '2']);
      expect([...found.keys()]).toEqual(['1']);
      expect(found.get('1')).toMatchObject({ documentUuid: first!.documentUuid, fingerprint: changed.fingerprint });
      expect(await records.count(fence, 'patients')).toBe(1);
    });

    it('tells a list of which nothing was ever stored from one whose records are all removed', async () => {
      const fence = await begin();
      expect(await records.isEmpty(fence, 'patients')).toBe(true);
      await add(fence, patient('1'));
      expect(await records.isEmpty(fence, 'patients')).toBe(false);
      const [one] = await stored(fence);
      await records.remove(fence, 'patients', [removalOf(one!)], NOW);
      expect(await records.isEmpty(fence, 'patients')).toBe(false);
      expect(await records.isEmpty(await begin(), 'patients')).toBe(true);
    });

    it('computes activity of what was never stored like of what may have been', async () => {
      const fence = await begin();
      const first = { added: [appointment('a', NOW - DAY)], updated: [], neverStored: true };
      await records.write(fence, 'patients', { added: [patient('1')], updated: [], neverStored: true }, {}, NOW);
      await records.write(fence, 'individual_appointments', first, {}, NOW);
      await records.computeActivity(fence, NOW, false);
      expect(await stores.activity(fence, '1')).toMatchObject({ active: true, total: 1 });
    });

    it('writes a record that is there after all, whatever the caller believed', async () => {
      const fence = await begin();
      await add(fence, patient('1'));
      const [before] = await stored(fence);
      const changed = patient('1', { firstName: 'Blake' });
      const believed = { added: [patient('2'), changed], updated: [], neverStored: true };
      await records.write(fence, 'patients', believed, {}, NOW);
      const found = await records.find(fence, 'patients', ['1', '2']);
      expect(found.get('1')).toMatchObject({ documentUuid: before!.documentUuid, fingerprint: changed.fingerprint });
      expect(await records.count(fence, 'patients')).toBe(2);
    });

    it('orders what is stored by the bytes of the reference', async () => {
      const fence = await begin();
      await add(fence, ...['9', '10', '100', '2'].map((reference) => patient(reference)));
      expect((await stored(fence)).map((record) => record.reference)).toEqual(['10', '100', '2', '9']);
    });

    it('keeps two connections, two organisations and two lists apart', async () => {
      const [one, other] = [await begin(), await begin()];
      await add(one, patient('1'));
      await add(one, appointment('1', NOW));
      expect(await stored(other)).toEqual([]);
      expect((await records.find(other, 'patients', ['1'])).size).toBe(0);
      expect(await records.count(one, 'group_appointments')).toBe(0);
      await add(other, patient('1'));
      const ids = [...(await stored(one)), ...(await stored(other))].map((record) => record.documentUuid);
      expect(new Set(ids).size).toBe(2);
    });

    it('moves the state of a list with its records, and only what is named', async () => {
      const fence = await begin();
      expect(await records.streamState(fence, 'patients')).toEqual({
        cursor: null,
        readMs: 0,
        unfinished: null,
        completeItems: null,
      });
      const unfinished = { startedAt: iso(NOW), createdFrom: iso(NOW - DAY) };
      await records.write(fence, 'patients', { added: [patient('1')], updated: [] }, { unfinished }, NOW);
      expect(await records.streamState(fence, 'patients')).toMatchObject({ cursor: null, unfinished });
      const end = { cursor: iso(NOW), readMs: 1234, unfinished: null, completeItems: 1 };
      await records.write(fence, 'patients', { added: [], updated: [] }, end, NOW);
      expect(await records.streamState(fence, 'patients')).toEqual(end);
      await records.write(fence, 'patients', { added: [], updated: [] }, { readMs: 5 }, NOW);
      expect(await records.streamState(fence, 'patients')).toEqual({ ...end, readMs: 5 });
      expect(await records.streamState(fence, 'attendees')).toMatchObject({ cursor: null });
    });

    it('refuses every write of a lease that was taken over, and writes nothing', async () => {
      const fence = await begin();
      await add(fence, patient('1'));
      const [record] = await stored(fence);
      await stores.overtake(fence);
      const lost = { code: 'lease_lost' };
      await expect(
        records.write(fence, 'patients', { added: [patient('2')], updated: [] }, { cursor: iso(NOW) }, NOW),
      ).rejects.toMatchObject(lost);
      await expect(records.remove(fence, 'patients', [removalOf(record!)], NOW)).rejects.toMatchObject(lost);
      await expect(records.markMissing(fence, 'patients', ['1'], NOW)).rejects.toMatchObject(lost);
      await expect(records.clearMissing(fence, 'patients', ['1'])).rejects.toMatchObject(lost);
      await expect(records.computeActivity(fence, NOW, true)).rejects.toMatchObject(lost);
      expect((await stored(fence)).map((one) => one.reference)).toEqual(['1']);
      expect(await records.streamState(fence, 'patients')).toMatchObject({ cursor: null });
    });

    it('hides what is removed, once, and shows it again when the source does', async () => {
      const fence = await begin();
      await add(fence, patient('1'), patient('2'));
      const [first] = await stored(fence);
      expect(await records.remove(fence, 'patients', [removalOf(first!)], NOW)).toEqual(['1']);
      expect(await records.remove(fence, 'patients', [removalOf(first!)], NOW)).toEqual([]);
      expect((await stored(fence)).map((record) => record.reference)).toEqual(['2']);
      expect((await records.find(fence, 'patients', ['1'])).get('1')).toMatchObject({ removed: true });
      await add(fence, patient('1'));
      expect((await records.find(fence, 'patients', ['1'])).get('1')).toMatchObject({ removed: false });
    });

    it('remembers since when a record is missing, until it is seen', async () => {
      const fence = await begin();
      await add(fence, patient('1'));
      await records.markMissing(fence, 'patients', ['1'], NOW);
      await records.markMissing(fence, 'patients', ['1'], NOW + DAY);
      expect((await stored(fence))[0]).toMatchObject({ missingSince: NOW });
      await records.clearMissing(fence, 'patients', ['1']);
      expect((await stored(fence))[0]).toMatchObject({ missingSince: null });
    });

    it('computes activity from the stored appointments, also when only they changed, and when time did it', async () => {
      const fence = await begin();
      await add(fence, patient('1'));
      await records.computeActivity(fence, NOW, false);
      expect(await stores.activity(fence, '1')).toEqual({ active: false, total: 0, next: null });
      await add(fence, appointment('a', NOW - 5 * DAY), appointment('b', NOW - 40 * DAY));
      await records.computeActivity(fence, NOW, false);
      expect(await stores.activity(fence, '1')).toEqual({ active: true, total: 2, next: null });
      // Nothing is written, but the visit is no longer recent.
      await records.computeActivity(fence, NOW + 26 * DAY, false);
      expect(await stores.activity(fence, '1')).toEqual({ active: false, total: 2, next: null });
      await add(fence, appointment('c', NOW + 30 * DAY));
      await records.computeActivity(fence, NOW + 26 * DAY, false);
      expect(await stores.activity(fence, '1')).toMatchObject({ active: true, next: iso(NOW + 30 * DAY) });
      const cancelled = appointment('c', NOW + 30 * DAY, { state: 'cancelled', cancelledAt: iso(NOW) });
      await records.write(fence, 'individual_appointments', { added: [], updated: [cancelled] }, {}, NOW);
      await records.computeActivity(fence, NOW + 26 * DAY, false);
      expect(await stores.activity(fence, '1')).toMatchObject({ active: false, next: null });
    });

    it('counts the visits of a merged patient for the one it was merged into', async () => {
      const fence = await begin();
      const merged = { mergedAt: iso(NOW), archivedAt: iso(NOW), mergedInto: '2' };
      await add(fence, patient('1'), patient('2'));
      await add(fence, appointment('a', NOW - DAY));
      await records.computeActivity(fence, NOW, false);
      expect(await stores.activity(fence, '1')).toMatchObject({ active: true });
      await records.write(fence, 'patients', { added: [], updated: [patient('1', merged)] }, {}, NOW);
      await records.computeActivity(fence, NOW, false);
      expect(await stores.activity(fence, '1')).toMatchObject({ active: false, total: 0 });
      expect(await stores.activity(fence, '2')).toMatchObject({ active: true, total: 1 });
    });

    it.each([
      ['into one that nobody knows', { mergedAt: iso(NOW), mergedInto: '99' }],
      ['without a word into whom', { mergedAt: iso(NOW), mergedInto: null }],
    ])('a patient that was merged %s is not active', async (_name, merged) => {
      const fence = await begin();
      await add(fence, patient('1'));
      await add(fence, appointment('a', NOW + DAY));
      await records.computeActivity(fence, NOW, false);
      await records.write(fence, 'patients', { added: [], updated: [patient('1', merged)] }, {}, NOW);
      await records.computeActivity(fence, NOW, false);
      expect(await stores.activity(fence, '1')).toEqual({ active: false, total: 0, next: null });
    });

    it('dates a patient anew when what is computed changes, also by time alone, and only then', async () => {
      const fence = await begin();
      await add(fence, patient('1'));
      await add(fence, appointment('a', NOW - 5 * DAY));
      await records.computeActivity(fence, NOW + 1, false);
      expect(await stores.changedAt(fence, 'patients', '1')).toBe(NOW + 1);
      await records.computeActivity(fence, NOW + 2, true);
      expect(await stores.changedAt(fence, 'patients', '1')).toBe(NOW + 1);
      await records.computeActivity(fence, NOW + 26 * DAY, false);
      expect(await stores.changedAt(fence, 'patients', '1')).toBe(NOW + 26 * DAY);
      expect(await stores.changedAt(fence, 'appointments', 'a')).toBe(NOW);
    });

    it('dates appointments and patients anew that are shown with the name of a type, when it changes', async () => {
      const fence = await begin();
      const type = (name: string): ClinicRecord<'appointment_types'> => ({
        stream: 'appointment_types',
        reference: '9',
        fingerprint: name,
        data: {
          createdAt: iso(NOW),
          updatedAt: iso(NOW),
          name,
          category: null,
          durationMinutes: 30,
          maxAttendees: 1,
          archivedAt: null,
        },
      });
      await add(fence, type('Consultation'));
      await add(fence, patient('1'), patient('2'));
      const other = { patient: '2', appointmentType: '8', state: 'noshow' as const };
      await add(fence, appointment('a', NOW + DAY), appointment('b', NOW + DAY, other));
      await records.computeActivity(fence, NOW, false);
      expect(await stores.nextType(fence, '1')).toBe('Consultation');
      const renamed = { added: [], updated: [type('First visit')] };
      await records.write(fence, 'appointment_types', renamed, {}, NOW + 1);
      await records.computeActivity(fence, NOW + 2, false);
      expect(await stores.nextType(fence, '1')).toBe('First visit');
      expect(await stores.changedAt(fence, 'appointments', 'a')).toBe(NOW + 1);
      expect(await stores.changedAt(fence, 'patients', '1')).toBe(NOW + 2);
      expect(await stores.changedAt(fence, 'appointments', 'b')).toBe(NOW);
      expect(await stores.changedAt(fence, 'patients', '2')).toBe(NOW);
    });

    it('dates a group appointment anew when its attendees change', async () => {
      const fence = await begin();
      const group = { ...appointment('g', NOW + DAY, { patient: null }), stream: 'group_appointments' as const };
      const attendee = (cancelledAt: string | null): ClinicRecord<'attendees'> => ({
        stream: 'attendees',
        reference: 't',
        fingerprint: String(cancelledAt),
        data: {
          createdAt: iso(NOW),
          updatedAt: iso(NOW),
          appointment: 'g',
          patient: '1',
          arrived: false,
          archivedAt: null,
          deletedAt: null,
          cancelledAt,
          cancellationReason: null,
          state: cancelledAt === null ? 'booked' : 'cancelled',
        },
      });
      await add(fence, group);
      await records.write(fence, 'attendees', { added: [attendee(null)], updated: [] }, {}, NOW + 1);
      expect(await stores.changedAt(fence, 'appointments', 'g')).toBe(NOW + 1);
      await records.write(fence, 'attendees', { added: [], updated: [attendee(iso(NOW))] }, {}, NOW + 2);
      expect(await stores.changedAt(fence, 'appointments', 'g')).toBe(NOW + 2);
      const gone = (await records.find(fence, 'attendees', ['t'])).get('t')!;
      await records.remove(fence, 'attendees', [removalOf(gone)], NOW + 3);
      expect(await stores.changedAt(fence, 'appointments', 'g')).toBe(NOW + 3);
    });

    it('takes two writes at once of records that share patients and group appointments, whatever their order', async () => {
      const fence = await begin();
      const names = Array.from({ length: 60 }, (_, n) => `g${n}`);
      const groups = (round: number, some: readonly string[]) =>
        some.map((reference) => ({
          ...appointment(reference, NOW + DAY + round, { patient: null }),
          stream: 'group_appointments' as const,
        }));
      const attendees = (lane: number, round: number): ClinicRecord<'attendees'>[] =>
        names.map((group, n) => ({
          stream: 'attendees',
          reference: `t${lane}-${n}`,
          fingerprint: String(round),
          data: {
            createdAt: iso(NOW),
            updatedAt: iso(NOW),
            appointment: group,
            patient: String(lane === 1 ? n : names.length - 1 - n),
            arrived: false,
            archivedAt: null,
            deletedAt: null,
            cancelledAt: null,
            cancellationReason: null,
            state: 'booked',
          },
        }));
      await add(fence, ...names.map((_, n) => patient(String(n))));
      await records.write(fence, 'group_appointments', { added: groups(0, names), updated: [] }, {}, NOW);
      for (let round = 1; round <= 8; round++) {
        const at = NOW + 10 * round;
        await Promise.all([
          records.write(fence, 'attendees', { added: attendees(1, round), updated: [] }, {}, at),
          records.write(fence, 'attendees', { added: attendees(2, round).reverse(), updated: [] }, {}, at + 1),
        ]);
        await records.computeActivity(fence, at, false);
        await Promise.all([
          records.write(fence, 'group_appointments', { added: [], updated: groups(round, names.slice(0, 30)) }, {}, at),
          records.write(fence, 'group_appointments', { added: [], updated: groups(round, names.slice(30)) }, {}, at),
        ]);
        await records.computeActivity(fence, at, false);
      }
      // Each goes to two groups: one among the first thirty, one among the last.
      for (const one of ['0', '29', '59'])
        expect(await stores.activity(fence, one)).toMatchObject({ active: true, total: 2 });
    });

    it('dates appointments anew when the zone of their place changes, and not when its name does', async () => {
      const fence = await begin();
      const place = (name: string, timeZone: string): ClinicRecord<'businesses'> => ({
        stream: 'businesses',
        reference: '8',
        fingerprint: `${name} ${timeZone}`,
        data: {
          createdAt: iso(NOW),
          updatedAt: iso(NOW),
          name,
          address: null,
          timeZone,
          archivedAt: null,
          deletedAt: null,
        },
      });
      await add(fence, place('One', 'Australia/Sydney'));
      await add(fence, appointment('a', NOW), appointment('b', NOW, { business: '7' }));
      const change = (one: ClinicRecord, at: number) =>
        records.write(fence, 'businesses', { added: [], updated: [one] }, {}, at);
      await change(place('Two', 'Australia/Sydney'), NOW + 1);
      expect(await stores.changedAt(fence, 'appointments', 'a')).toBe(NOW);
      await change(place('Two', 'Australia/Perth'), NOW + 2);
      expect(await stores.changedAt(fence, 'appointments', 'a')).toBe(NOW + 2);
      expect(await stores.changedAt(fence, 'appointments', 'b')).toBe(NOW);
    });

    it('moves an appointment from one patient to another', async () => {
      const fence = await begin();
      await add(fence, patient('1'), patient('2'));
      await add(fence, appointment('a', NOW + DAY));
      await records.computeActivity(fence, NOW, false);
      const moved = appointment('a', NOW + DAY, { patient: '2' });
      await records.write(fence, 'individual_appointments', { added: [], updated: [moved] }, {}, NOW);
      await records.computeActivity(fence, NOW, false);
      expect(await stores.activity(fence, '1')).toMatchObject({ active: false });
      expect(await stores.activity(fence, '2')).toMatchObject({ active: true });
    });
  });
}
