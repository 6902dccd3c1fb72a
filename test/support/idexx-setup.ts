/** A sample portal and a Chartsync that follows its calendar, for one test. The judge is the simulator's oracle. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect } from 'vitest';
import { type ClinicOptions, createClinic } from '../../simulators/idexx/clinic.ts';
import { expectedAppointments, expectedSlotCounts, rulesOf } from '../../simulators/idexx/oracle.ts';
import { startIdexx } from '../../simulators/idexx/server.ts';
import type { IdexxOptions, IdexxSimulator } from '../../simulators/idexx/simulator.ts';
import { at, daysBetween, timeOf, wallAt } from '../../simulators/idexx/wall.ts';
import { type CalendarEvent, type Clinic, newEvent } from '../../simulators/idexx/world.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { DateWindow } from '../../src/domain/reconcile-appointments.ts';
import type { RunResult } from '../../src/engine/run-session.ts';
import { syncBook, usualWindow } from '../../src/engine/schedule/sync-book.ts';
import { syncConsultations } from '../../src/engine/schedule/sync-consultations.ts';
import { applyConfiguration, type Chartsync, openChartsync } from '../../src/main.ts';
import { type BookConnection, isBookConnection } from '../../src/runs/connections.ts';
import { testDatabase } from './postgres.ts';

export const ORGANIZATION = 'org_test';
export const CONNECTION = 'front-desk';
export const CLINIC_ID = '5c0a1f2e-3b4d-4c5e-8f60-718293a4b5c6';
const TIME_ZONE = 'America/Los_Angeles';
/** Its clock shows an hour more all year. */
const NEXT_ZONE = 'America/Denver';

export interface IdexxSetup {
  readonly portal: IdexxSimulator;
  readonly clinic: Clinic;
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly chartsync: Chartsync;
  readonly connection: BookConnection;
  readonly databaseUrl: string;
  /** The window of a run now. */
  readonly window: DateWindow;
  run(window?: DateWindow, signal?: AbortSignal): Promise<RunResult>;
  /** A run for consultations. */
  consult(window?: DateWindow): Promise<RunResult>;
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  /** The book agrees with the calendar: appointments, and places of every slot. */
  expectBook(window?: DateWindow): Promise<void>;
  /** Calendar calls since the last call. */
  calls(of?: { readonly ours: boolean }): string[];
  reopen(): Promise<{ chartsync: Chartsync; connection: BookConnection }>;
  close(): Promise<void>;
}

export interface IdexxSetupOptions extends Omit<IdexxOptions, 'clinics' | 'now'> {
  readonly clinic?: ClinicOptions;
  readonly settings?: Record<string, unknown>;
  readonly sections?: Record<string, unknown>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Instead of those of the clinic; null: none in the configuration. */
  readonly credentials?: object | null;
  readonly now?: () => number;
}

export async function setUpIdexx(options: IdexxSetupOptions = {}): Promise<IdexxSetup> {
  const { clinic: clinicOptions, settings, sections, now = Date.now, ...portalOptions } = options;
  const folder = await mkdtemp(join(tmpdir(), 'chartsync-idexx-'));
  const records = await testDatabase();
  // Where the present is the real one, midnight must not come in the middle of a test.
  const isNearMidnight = options.now === undefined && timeOf(wallAt(now(), TIME_ZONE)) >= '23:30';
  const timeZone = isNearMidnight ? NEXT_ZONE : TIME_ZONE;
  const clinic = createClinic({ seed: 3, now: now(), timeZone, ...clinicOptions });
  const portal = await startIdexx({ ...portalOptions, clinics: [clinic], now });
  const environment = Object.fromEntries(
    Object.entries({
      CHARTSYNC_HOME: join(folder, 'home'),
      CHARTSYNC_CONFIG: join(folder, 'chartsync.yaml'),
      CHARTSYNC_ADMIN_KEY: 'test-administrator-key-0123456789',
      CHARTSYNC_ENCRYPTION_KEY: Buffer.alloc(32, 9).toString('base64'),
      DATABASE_URL: records.url,
      IDEXX_RATE_LIMIT: '100',
      PORT: '0',
      SYNC_LOG_LEVEL: 'error',
      ...options.environment,
    }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  ) as Record<string, string>;
  const { username, password } = clinic.accounts[0]!;
  const own = { companyId: clinic.companyId, username, password };
  const credentials = options.credentials === undefined ? own : options.credentials;
  const breaks = clinic.breaks.map(({ daysOfWeek, start, end }) => ({
    name: 'Lunch',
    from: start,
    to: end,
    on: daysOfWeek.map((day) => ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][day]),
  }));
  const file = {
    organizations: [
      {
        id: ORGANIZATION,
        name: 'Test Clinic',
        timeZone: clinic.timeZone,
        connections: [
          {
            id: CONNECTION,
            connector: 'idexx',
            schedule: 'manual',
            settings: {
              portalUrl: portal.url,
              clinicId: CLINIC_ID,
              breaks,
              timeout: '10s',
              settingsMaxAge: 'none',
              ...settings,
            },
            ...(credentials === null ? {} : { credentials }),
          },
        ],
      },
    ],
    auth: {
      rateLimits: {
        requestsPerAddress: 'none',
        requestsPerKey: 'none',
        syncStartsPerKey: 'none',
        failedAuthenticationsPerAddress: 'none',
      },
    },
    limits: { retryDelay: '5ms' },
    ...sections,
  };
  await writeFile(join(folder, 'chartsync.yaml'), JSON.stringify(file, null, 2));
  const config = await loadConfig({ env: environment, cwd: folder });
  const pool = new pg.Pool({ connectionString: records.url, max: 2 });
  const opened: Chartsync[] = [];
  const open = async () => {
    const database = { url: records.url, urlOf: () => null, close: async () => undefined };
    const chartsync = await openChartsync(config, database);
    opened.push(chartsync);
    await applyConfiguration(chartsync);
    const found = chartsync.connections.filter(isBookConnection)[0]!;
    return { chartsync, connection: { ...found, ports: { ...found.ports, clock: { ...found.ports.clock, now } } } };
  };
  const first = await open();
  let told = 0;
  const query = async <Row extends object>(text: string, values: unknown[] = []) =>
    (await pool.query<Row>(text, values)).rows;
  const windowNow = () => usualWindow(first.connection.settings, now());
  return {
    portal,
    clinic,
    environment,
    folder,
    databaseUrl: records.url,
    ...first,
    get window() {
      return windowNow();
    },
    query,
    run: (window, signal) =>
      syncBook(first.connection.ports, first.connection.settings, {
        trigger: 'manual',
        ...(window === undefined ? {} : { window }),
        ...(signal === undefined ? {} : { signal }),
      }),
    consult: (window) =>
      syncConsultations(first.connection.ports, first.connection.settings, {
        trigger: 'manual',
        ...(window === undefined ? {} : { window }),
      }),
    expectBook: (window = windowNow()) => expectBook(portal, clinic, window, query),
    calls({ ours } = { ours: false }) {
      const fresh = portal.requests
        .slice(told)
        .filter(({ path, byPage }) => path.endsWith('/getCalendarEventData') && !(ours && byPage));
      told = portal.requests.length;
      return fresh.map(({ query: text }) => (new URLSearchParams(text).get('start') ?? '').slice(0, 10));
    },
    reopen: open,
    async close() {
      for (const chartsync of opened) await chartsync.close();
      await pool.end();
      await portal.stop();
      await records.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Before the clinic opens: it takes no slot. The clinic may have no other that day, as it is closed on Sundays. */
export function appointmentOfToday({ clinic, window }: Pick<IdexxSetup, 'clinic' | 'window'>): CalendarEvent {
  return newEvent(clinic, {
    kind: 'appointment',
    start: at(window.from, '07:00'),
    roomId: clinic.rooms[0]!.id,
    typeId: clinic.types[0]!.id,
    patientId: clinic.patients[0]!.id,
  });
}

type Query = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>;

async function expectBook(portal: IdexxSimulator, clinic: Clinic, window: DateWindow, query: Query): Promise<void> {
  const dates = daysBetween(window.from, window.to);
  const appointments = await query<Record<string, unknown>>(
    `SELECT CASE WHEN appointment_type = 'block' THEN substring(neo_appointment_id FROM '^block:(.*)@') ELSE neo_appointment_id END
              AS id, appointment_type IS NOT DISTINCT FROM 'block' AS block, date::text AS date, left(start_time::text, 5) AS start,
            left(end_time::text, 5) AS "end", patient_name AS patient, client_name AS client, client_phone AS phone,
            provider_name AS provider, room_id AS room, appointment_type AS type, status
     FROM schedule_appointments WHERE deleted_at IS NULL AND date BETWEEN $1 AND $2
     ORDER BY date, start_time, 1`,
    [window.from, window.to],
  );
  const expected = expectedAppointments(clinic, dates, portal.variant).map((a) => ({
    id: a.externalId,
    block: a.block,
    date: a.date,
    start: a.startTime,
    end: a.endTime,
    patient: a.patientName,
    client: [a.clientFirstName, a.clientLastName].filter((name) => name !== null).join(' ') || null,
    phone: a.clientPhone,
    provider: a.providerName,
    room: a.roomId,
    type: a.appointmentType,
    status: a.status,
  }));
  const order = (a: Record<string, unknown>) => `${a.date} ${a.start} ${a.id} ${a.room}`;
  const sorted = (rows: readonly Record<string, unknown>[]) =>
    [...rows].sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0));
  expect(sorted(appointments)).toEqual(sorted(expected));

  const slots = await query<object>(
    `SELECT date::text AS date, left(start_time::text, 5) AS "startTime", left(end_time::text, 5) AS "endTime", capacity,
            booked_count AS "bookedCount"
     FROM schedule_slots WHERE retired_at IS NULL AND date BETWEEN $1 AND $2 ORDER BY starts_at`,
    [window.from, window.to],
  );
  expect(slots).toEqual(expectedSlotCounts(clinic, dates, rulesOf(clinic), portal.variant));
}
