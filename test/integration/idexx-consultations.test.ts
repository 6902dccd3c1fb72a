/** What a clinic wrote down about visits: read page by page from a sample portal, linked by ids, the rest in quarantine. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectedConsultations } from '../../simulators/idexx/consultation-oracle.ts';
import { noFaults } from '../../simulators/idexx/faults.ts';
import { live } from '../../simulators/idexx/life.ts';
import type { Consultation } from '../../simulators/idexx/world.ts';
import { createRandom } from '../../simulators/vsrx/random.ts';
import { consultationWindow } from '../../src/engine/schedule/sync-consultations.ts';
import { applyHeld } from '../../src/runs/sync-service.ts';
import { type IdexxSetup, ORGANIZATION, setUpIdexx } from '../support/idexx-setup.ts';

const HOUR = 3600_000;
let setup: IdexxSetup;
let now = Date.parse('2026-03-05T18:00:00Z');

beforeAll(async () => {
  setup = await setUpIdexx({ now: () => now, settings: { daysAhead: 7 } });
  setup.portal.variant.consultationsPerPage = 5;
  await setup.run();
  const random = createRandom(5);
  // The clocks change on the 8th.
  for (let day = 0; day < 5; day++) {
    now += 24 * HOUR;
    live(setup.clinic, random, now);
    await setup.run();
  }
});
afterAll(() => setup?.close());

const window = () => consultationWindow(setup.connection.settings, now);
const expected = () => expectedConsultations(setup.clinic, `${window().from} 00:00:00`, `${window().to} 23:59:59`);

interface Row {
  id: string;
  appointment: string | null;
  case: string | null;
  reason: string | null;
  /** Clinic-local. */
  at?: unknown;
}

const shown = () =>
  setup.query<Row & Record<string, unknown>>(
    `SELECT c.neo_consultation_id AS id, c.neo_appointment_id AS appointment, k.external_id AS case, c.quarantine_reason AS reason,
            c.patient_name AS patient, to_char(c.consulted_at AT TIME ZONE 'America/Los_Angeles', 'YYYY-MM-DD HH24:MI:SS') AS at,
            c.status, c.raw_status, c.clinical_notes AS notes, c.diagnoses, c.vitals
     FROM consultations AS c LEFT JOIN cases AS k ON k.id = c.case_id WHERE c.deleted_at IS NULL
     ORDER BY c.neo_consultation_id::bigint`,
  );

async function expectConsultations(): Promise<void> {
  const rows = await shown();
  const wanted = expected().sort((a, b) => Number(a.externalId) - Number(b.externalId));
  expect(wanted.length).toBeGreaterThan(20);
  expect(
    rows.map((r) => ({ ...r, case: undefined, reason: undefined, vitals: undefined, ...vitalsOf(r.vitals) })),
  ).toEqual(
    wanted.map((c) => ({
      id: c.externalId,
      appointment: c.appointmentExternalId,
      patient: c.patientName,
      // The hour that the clock leaves out counts as the one before.
      at: c.consultedAt.replace('2026-03-08 02:', '2026-03-08 01:'),
      status: c.status,
      raw_status: c.rawStatus,
      notes: c.notes,
      diagnoses: c.diagnoses,
      temperature: c.temperature,
      weight: c.weight,
    })),
  );
  const stored = new Set(
    (await setup.query<{ id: string }>('SELECT neo_appointment_id AS id FROM schedule_appointments')).map((r) => r.id),
  );
  for (const { id, appointment, case: belongsTo, reason } of rows) {
    const isKnown = appointment !== null && stored.has(appointment);
    expect([id, belongsTo, reason]).toEqual([
      id,
      isKnown ? `pims-appt-idexx_neo-${appointment}` : null,
      isKnown ? null : appointment === null ? 'no_appointment_id' : 'appointment_unknown',
    ]);
  }
}

function vitalsOf(stored: unknown) {
  const vitals = stored as Record<string, number | string> | null;
  const of = (name: string) => vitals && { value: vitals[name], unit: vitals[`${name}Unit`] };
  return { temperature: of('temperature'), weight: of('weight') };
}

const quarantined = (rows: readonly Row[]) => rows.filter((r) => r.reason !== null);

test('are read to the last page, linked by ids; those that name no known appointment are told, and counted as failed', async () => {
  const appointments = () => setup.query<{ n: number }>('SELECT count(*)::int AS n FROM schedule_appointments');
  const [before] = await appointments();
  const first = await setup.consult();
  await expectConsultations();
  const rows = await shown();
  const lost = quarantined(rows);
  // Visits before the first run for the calendar: their dates were read as well.
  const [after] = await appointments();
  const found = after!.n - before!.n;
  expect(found).toBeGreaterThan(0);
  const inCalendar = new Set(setup.clinic.events.map((e) => e.id));
  const today = window().to;
  const unread = lost.filter((r) => inCalendar.has(r.appointment ?? '') && String(r.at) < today);
  expect(unread).toEqual([]);
  expect(lost.some((r) => r.appointment === null)).toBe(true);
  expect(first).toMatchObject({
    state: 'completed',
    outcome: 'partial',
    counts: { added: rows.length + found, failed: lost.length },
  });
  const failures = await setup.chartsync.runs.openFailures(setup.connection.settings, 'consultations');
  expect(failures.map((f) => f.reference).sort()).toEqual(lost.map((r) => r.id).sort());
  expect(failures.every((f) => f.code === 'consultation_unlinked')).toBe(true);
  const again = await setup.consult();
  expect(again.counts).toMatchObject({ added: 0, updated: 0, removed: 0, same: rows.length, failed: lost.length });
  // Reading them does not count as a read of the calendar.
  const [connection] = await setup.query<{ items: string }>('SELECT complete_read_items AS items FROM connections');
  const [book] = await setup.query<{ n: string }>(
    "SELECT count(*) AS n FROM schedule_appointments WHERE deleted_at IS NULL AND date >= '2026-03-10'",
  );
  expect(connection?.items).toBe(book?.n);
});

test('never by a name: two animals of one name, one of them without an appointment, stay apart', async () => {
  const [one] = setup.clinic.consultations.filter((c) => c.appointmentId !== null).slice(-1);
  const twin: Consultation = { ...one!, id: `${Number(one!.id) + 900_000}`, appointmentId: null };
  setup.clinic.consultations.push(twin);
  await setup.consult();
  await expectConsultations();
  expect((await shown()).find((r) => r.id === twin.id)).toMatchObject({ case: null, reason: 'no_appointment_id' });
  // Somebody enters the appointment: then it belongs to that one's case.
  twin.appointmentId = one!.appointmentId;
  await setup.consult();
  await expectConsultations();
  const failures = await setup.chartsync.runs.openFailures(setup.connection.settings, 'consultations');
  expect(failures.map((f) => f.reference)).not.toContain(twin.id);
});

test('one whose appointment becomes known is linked then; one that a person skipped is no failure any more', async () => {
  const unknown = (await shown()).filter((r) => r.reason === 'appointment_unknown');
  const [before] = await setup.query<{ n: number }>('SELECT count(*)::int AS n FROM cases');
  if (unknown.length > 0) {
    await setup.run({ from: window().from, to: window().to });
    await setup.consult();
    const [after] = await setup.query<{ n: number }>('SELECT count(*)::int AS n FROM cases');
    expect(after!.n).toBeGreaterThan(before!.n);
  }
  await expectConsultations();
  const failures = await setup.chartsync.runs.openFailures(setup.connection.settings, 'consultations');
  expect(failures.length).toBeGreaterThan(0);
  for (const { id } of failures) await setup.chartsync.runs.decideFailure(ORGANIZATION, id, 'skip');
  expect(await setup.consult()).toMatchObject({ outcome: 'success', counts: { failed: 0, skipped: failures.length } });
});

test('cases are as their consultations are; a reviewed one stays reviewed', async () => {
  const rows = await setup.query<{ status: string; consultations: string[]; metadata: unknown }>(
    `SELECT k.status, array_agg(c.status) AS consultations FROM cases AS k JOIN consultations AS c ON c.case_id = k.id
     WHERE c.deleted_at IS NULL AND c.status <> 'cancelled' GROUP BY k.id`,
  );
  for (const { status, consultations } of rows) {
    expect(status).toBe(consultations.every((s) => s === 'completed') ? 'completed' : 'ongoing');
  }
  const open =
    setup.clinic.consultations.find((c) => c.appointmentId !== null && c.status === 'In Progress') ??
    setup.clinic.consultations.findLast((c) => c.appointmentId !== null)!;
  const status = async () =>
    (
      await setup.query<{ status: string }>('SELECT status FROM cases WHERE external_id = $1', [
        `pims-appt-idexx_neo-${open.appointmentId}`,
      ])
    )[0]?.status;
  open.status = 'In Progress';
  await setup.consult();
  expect(await status()).toBe('ongoing');
  await setup.query("UPDATE cases SET status = 'reviewed' WHERE external_id = $1", [
    `pims-appt-idexx_neo-${open.appointmentId}`,
  ]);
  open.status = 'Completed';
  await setup.consult();
  expect(await status()).toBe('reviewed');
  await expectConsultations();
});

test.each([
  ['short', 'source_incomplete'],
  ['same', 'source_incomplete'],
  ['growing', 'source_incomplete'],
  ['hidden', 'source_incomplete'],
  ['renamed', 'source_contract_changed'],
] as const)('a list that is %s is not believed: %s, nothing changes', async (consultationPages, code) => {
  const before = await shown();
  setup.portal.faults.consultationPages = consultationPages;
  const result = await setup.consult();
  Object.assign(setup.portal.faults, noFaults());
  expect(result).toMatchObject({ state: 'failed', counts: { removed: 0 }, error: { code } });
  expect(await shown()).toEqual(before);
  expect(await setup.consult()).toMatchObject({ state: 'completed' });
});

test('somebody who writes while it is read does not spoil it: it is read again', async () => {
  let pages = 0;
  Object.defineProperty(setup.portal.faults, 'consultationPages', {
    configurable: true,
    enumerable: true,
    get: () => (++pages === 3 ? 'growing' : null),
  });
  const asked = setup.portal.requests.length;
  const result = await setup.consult();
  Object.defineProperty(setup.portal.faults, 'consultationPages', { value: null, writable: true });
  expect(result).toMatchObject({ state: 'completed' });
  const searches = setup.portal.requests.slice(asked).filter((r) => r.path === '/consultations/search');
  expect(searches.filter((r) => new URLSearchParams(r.query).get('page') === '1')).toHaveLength(2);
  await expectConsultations();
});

test('one that the portal does not know any more is removed; many wait for a person', async () => {
  const [first] = setup.clinic.consultations.splice(-1, 1);
  expect(await setup.consult()).toMatchObject({ counts: { removed: 1, held: 0 } });
  await expectConsultations();
  // It comes back as the same one.
  setup.clinic.consultations.push(first!);
  expect((await setup.consult()).counts).toMatchObject({ added: 0, updated: 1 });

  const gone = setup.clinic.consultations.splice(-15, 15);
  const held = await setup.consult();
  expect(held.counts).toMatchObject({ removed: 0, held: 15 });
  const pending = async () =>
    (await setup.chartsync.runs.heldSets(ORGANIZATION)).find(
      (s) => s.unit === 'consultations' && s.state === 'pending',
    )!;
  setup.clinic.consultations.push(gone[0]!);
  const set = await pending();
  await setup.chartsync.runs.decideHeldSet(ORGANIZATION, set.id, { approve: true, by: 'test', note: null }, Date.now());
  const { signal } = new AbortController();
  expect(await applyHeld(setup.connection, { setId: set.id, signal })).toMatchObject({
    state: 'completed',
    counts: { removed: 14 },
  });
  await expectConsultations();

  // Kept by a person: not asked about again.
  setup.clinic.consultations.splice(-12, 12);
  await setup.consult();
  const second = await pending();
  await setup.chartsync.runs.decideHeldSet(
    ORGANIZATION,
    second.id,
    { approve: false, by: 'test', note: null },
    Date.now(),
  );
  expect((await setup.consult()).counts).toMatchObject({ removed: 0, held: 0 });
});
