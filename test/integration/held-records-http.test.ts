/** What a person can read of each held record and entry of a book before deciding about it. */
import { afterAll, expect, test } from 'vitest';
import type { Attendee, PatientAttachment, UnavailableBlock } from '../../simulators/cliniko/records.ts';
import { live } from '../../simulators/idexx/life.ts';
import { createRandom } from '../../simulators/vsrx/random.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type ClinikoSetup, ORGANIZATION, setUpCliniko } from '../support/cliniko-setup.ts';
import { type IdexxSetup, setUpIdexx } from '../support/idexx-setup.ts';

const sections = { deletionGuard: { maxCount: 1, maxPercent: 0, minCount: 0 } };
const STRANGER = 'org_stranger';
const HOUR = 3600_000;
/** In order to be held they are removed at the source, two of a kind. */
const EACH = 2;

let cliniko: ClinikoSetup;
let idexx: IdexxSetup;
const servers: RunningServer[] = [];

async function open(setup: { environment: Readonly<Record<string, string>>; databaseUrl: string }, folder: string) {
  const server = await serve({
    config: await loadConfig({ env: setup.environment, cwd: folder }),
    database: { url: setup.databaseUrl, urlOf: () => null, close: async () => undefined },
  });
  servers.push(server);
  return async (path: string, key = server.adminKey) => {
    const headers = { authorization: `Bearer ${key}`, 'x-organization-id': ORGANIZATION };
    const response = await fetch(`${server.url}${path}`, { headers });
    // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
    return { status: response.status, body: (await response.json()) as any };
  };
}

type Ask = Awaited<ReturnType<typeof open>>;

/** By list, then by the id in the source. */
async function recordsOf(ask: Ask): Promise<Map<string, Map<string, Record<string, unknown>>>> {
  const found = new Map<string, Map<string, Record<string, unknown>>>();
  const { held } = (await ask('/api/v1/held')).body;
  for (const { id } of held) {
    const { items } = (await ask(`/api/v1/held/${id}`)).body;
    for (const { document_uuid: record, patient_uuid: list, reference } of items) {
      const { status, body } = await ask(`/api/v1/held/${id}/records/${record}`);
      expect([status, body.id, body.list]).toEqual([200, record, list]);
      found.set(list, (found.get(list) ?? new Map()).set(reference, body));
    }
  }
  return found;
}

afterAll(async () => {
  for (const server of servers) await server.stop();
  await cliniko?.close();
  await idexx?.close();
});

const iso = (seconds: number) => new Date(seconds * 1000).toISOString();

test('of Cliniko: each record of every list says enough to decide about it', { timeout: 120_000 }, async () => {
  cliniko = await setUpCliniko({
    others: [{ id: STRANGER, name: 'Stranger', timeZone: 'UTC', connections: [] }],
    account: { patients: 60, appointments: 200 },
    sections,
    settings: { attachments: true, unavailableBlocks: true },
  });
  const { world } = cliniko;
  const { tables } = world;
  await cliniko.run('comprehensive');
  const stored = async (table: string, column: string) =>
    new Set((await cliniko.query<{ id: string }>(`SELECT ${column} AS id FROM ${table}`)).map(({ id }) => id));
  const some = async <T extends { readonly id: string }>(rows: readonly T[], table: string, column: string) => {
    const known = await stored(table, column);
    const chosen = rows.filter(({ id }) => known.has(id)).slice(0, EACH);
    expect(chosen.length, table).toBe(EACH);
    return chosen;
  };
  const inGroup = tables.attendees.rows.filter(({ bookingId }) => tables.groups.get(bookingId) !== undefined);
  const attendees: Attendee[] = await some(inGroup, 'appointment_attendees', 'cliniko_attendee_id');
  const blocks: UnavailableBlock[] = await some(tables.blocks.rows, 'unavailable_blocks', 'cliniko_block_id');
  const files: PatientAttachment[] = await some(
    tables.attachments.rows.filter(({ filename }) => filename !== null),
    'patient_attachments',
    'cliniko_attachment_id',
  );
  const types = await some(tables.appointmentTypes.rows, 'appointment_types', 'cliniko_appointment_type_id');
  const people = await some(tables.patients.rows, 'patients', 'cliniko_patient_id');
  const visits = await some(tables.appointments.rows, 'appointments', 'cliniko_appointment_id');
  for (const { id } of [attendees, blocks, files, types, people, visits].flat()) world.removeSilently(id);
  await cliniko.run('comprehensive');

  const ask = await open(cliniko, cliniko.environment.CHARTSYNC_HOME!);
  const held = await recordsOf(ask);
  for (const { id, bookingId } of attendees) {
    const group = tables.groups.need(bookingId);
    expect(held.get('attendees')?.get(id)).toMatchObject({
      starts_at: iso(group.startsAt),
      patient_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      practitioner: expect.any(String),
      business: expect.any(String),
      time_zone: expect.stringContaining('/'),
      status: expect.any(String),
      patient_name: null,
    });
  }
  for (const { id, startsAt, endsAt } of blocks) {
    expect(held.get('unavailable_blocks')?.get(id)).toMatchObject({ starts_at: iso(startsAt), ends_at: iso(endsAt) });
  }
  for (const { id, filename } of files) {
    expect(held.get('patient_attachments')?.get(id)).toMatchObject({
      name: filename,
      size_bytes: expect.any(Number),
      patient_id: expect.any(String),
    });
  }
  for (const { id, name } of types) expect(held.get('appointment_types')?.get(id)).toMatchObject({ name });
  for (const { id } of people)
    expect(held.get('patients')?.get(id)?.patient_id).toBe(held.get('patients')?.get(id)?.id);
  for (const { id, startsAt } of visits) {
    expect(held.get('individual_appointments')?.get(id)).toMatchObject({ starts_at: iso(startsAt) });
  }
});

test('a record of another set, no id at all and a key that may not read records get nothing', async () => {
  const ask = await open(cliniko, cliniko.environment.CHARTSYNC_HOME!);
  const { held } = (await ask('/api/v1/held')).body;
  const [one, other] = await Promise.all(
    held.slice(0, 2).map(async ({ id }: { id: string }) => {
      const { items } = (await ask(`/api/v1/held/${id}`)).body;
      return { id, record: items[0].document_uuid as string };
    }),
  );
  expect((await ask(`/api/v1/held/${one.id}/records/${one.record}`)).status).toBe(200);
  for (const record of [other.record, 'nobody', "'", '\0']) {
    expect((await ask(`/api/v1/held/${one.id}/records/${encodeURIComponent(record)}`)).status, record).toBe(404);
  }
  const server = servers.at(-1)!;
  const created = await fetch(`${server.url}/api/v1/keys`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      'x-organization-id': ORGANIZATION,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ name: 'decides', scopes: ['sync:read', 'held:decide'] }),
  });
  const { secret } = (await created.json()) as { secret: string };
  expect((await ask(`/api/v1/held/${one.id}/records/${one.record}`, secret)).status).toBe(403);
  const stranger = (organization: string) =>
    fetch(`${server.url}/api/v1/held/${one.id}/records/${one.record}`, {
      headers: { authorization: `Bearer ${server.adminKey}`, 'x-organization-id': organization },
    });
  expect((await stranger(ORGANIZATION)).status).toBe(200);
  expect((await stranger(STRANGER)).status).toBe(404);
  // Even with a set and an item of its own that name the record: it is not the stranger's.
  await cliniko.query(
    `INSERT INTO connections (organization_id, id, connector, settings) VALUES ($1, 'own', 'cliniko', '{}')`,
    [STRANGER],
  );
  await cliniko.query(
    `INSERT INTO held_sets (id, organization_id, connection_id, run_id, unit, state, reason, evidence, created_at)
     VALUES ('held_stranger', $1, 'own', 'run', 'patients', 'pending', 'Too many.', '{}', now())`,
    [STRANGER],
  );
  await cliniko.query(
    `INSERT INTO held_items (organization_id, set_id, document_uuid, unit, reference, absence)
     SELECT $1, 'held_stranger', document_uuid, unit, reference, absence FROM held_items WHERE set_id = $2 AND document_uuid = $3`,
    [STRANGER, one.id, one.record],
  );
  const own = await fetch(`${server.url}/api/v1/held/held_stranger/records/${one.record}`, {
    headers: { authorization: `Bearer ${server.adminKey}`, 'x-organization-id': STRANGER },
  });
  expect(own.status).toBe(404);
  const entries = (await ask('/api/v1/audit?action=held.record&limit=1')).body.entries;
  expect(entries[0].subject).toMatchObject({ kind: 'held_record' });
});

test('of a book: entries of any date and consultations', { timeout: 120_000 }, async () => {
  let now = Date.parse('2026-03-05T18:00:00Z');
  idexx = await setUpIdexx({ now: () => now, settings: { daysAhead: 7 }, sections });
  await idexx.run();
  const random = createRandom(5);
  for (let day = 0; day < 3; day++) {
    now += 24 * HOUR;
    live(idexx.clinic, random, now);
    await idexx.run();
  }
  await idexx.consult();
  const visits = idexx.clinic.consultations.splice(-5, 5);
  await idexx.consult();
  const gone = new Set(
    (
      await idexx.query<{ id: string }>(
        `SELECT neo_appointment_id AS id FROM schedule_appointments
         WHERE deleted_at IS NULL AND starts_at > $1 ORDER BY starts_at LIMIT 5`,
        [new Date(now + 24 * HOUR)],
      )
    ).map(({ id }) => id),
  );
  idexx.clinic.events = idexx.clinic.events.filter(({ id }) => !gone.has(id));
  await idexx.run();
  await idexx.run();
  const held = await recordsOf(await open(idexx, idexx.folder));
  expect([...held.keys()].sort()).toEqual(['calendar', 'consultations']);
  for (const visit of visits) {
    const record = held.get('consultations')?.get(visit.id);
    expect(record).toMatchObject({
      patient_name: expect.any(String),
      time_zone: 'America/Los_Angeles',
      starts_at: expect.stringMatching(/Z$/),
      status: expect.any(String),
    });
  }
  for (const record of held.get('calendar')!.values()) {
    expect(record).toMatchObject({ starts_at: expect.any(String), ends_at: expect.any(String), patient_id: null });
    expect(record.client_name ?? record.patient_name ?? record.name).toEqual(expect.any(String));
  }
});
