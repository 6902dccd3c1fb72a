/** The book of a clinic by the command line, as a person uses it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CalendarEvent } from '../../simulators/idexx/world.ts';
import { runCli } from '../support/cli.ts';
import { runCommand } from '../support/command.ts';
import { appointmentOfToday, type IdexxSetup, setUpIdexx } from '../support/idexx-setup.ts';

let setup: IdexxSetup;
let appointment: CalendarEvent;
beforeAll(async () => {
  setup = await setUpIdexx({ credentials: null, settings: { daysAhead: 5 } });
  appointment = appointmentOfToday(setup);
});
afterAll(() => setup?.close());

const cli = (args: string[], input?: string, run: typeof runCommand = runCommand) =>
  run(args, { cwd: setup.folder, env: setup.environment, ...(input === undefined ? {} : { input }) });
/** Each command once. */
const cliProcess = (args: string[], input?: string) => cli(args, input, runCli);

test('stored credentials, plan, sync, verify: each says what it did', { timeout: 240_000 }, async () => {
  const without = await cli(['sync', 'front-desk']);
  expect(without.code).toBe(1);
  expect(without.stderr).toContain('credentials');

  const { companyId, accounts } = setup.clinic;
  const { username, password } = accounts[0]!;
  const stored = await cliProcess(
    ['credentials', 'set', 'front-desk'],
    JSON.stringify({ companyId, username, password }),
  );
  expect(stored).toMatchObject({ code: 0 });

  const planned = await cliProcess(['plan', 'front-desk']);
  expect(planned.stdout).toMatch(/would add [1-9]\d*, update 0, move 0; 0 unchanged/);
  expect(await setup.query('SELECT 1 FROM schedule_appointments')).toEqual([]);

  const synced = await cliProcess(['sync', 'front-desk', '--json']);
  expect(synced.code).toBe(0);
  expect(synced.lines.at(-1)).toMatchObject({ type: 'result', state: 'completed', outcome: 'success' });
  await setup.expectBook();
  const all = planned.stdout + planned.stderr + synced.stdout + synced.stderr;
  for (const secret of [password, 'neo_session', setup.clinic.clients[0]!.lastName]) expect(all).not.toContain(secret);

  const verified = await cliProcess(['verify', 'front-desk']);
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('no difference') });
  // One login for all of them.
  expect(setup.portal.logins).toBe(1);
});

test('consultations: what is read, and which of them nobody can place', { timeout: 240_000 }, async () => {
  const common = { patientId: setup.clinic.patients[0]!.id, providerId: null, status: 'Completed' as const };
  const written = { reason: 'Sample', clinicalNotes: 'Sample note.', dischargeSummary: '', vitals: null, lines: [] };
  setup.clinic.consultations = [appointment.id, null].map((appointmentId, i) => ({
    ...common,
    ...written,
    id: `77000${i}`,
    appointmentId,
    consultedAt: `${setup.window.from} 09:0${i}:00`,
    diagnoses: [],
  }));
  const synced = await cliProcess(['sync', 'front-desk', '--mode', 'consultations']);
  expect(synced.code, synced.stdout + synced.stderr).toBe(3);
  const shown = await cliProcess(['consultations', 'front-desk', '--json']);
  expect(shown.lines).toContainEqual({ type: 'counts', linked: 1, noAppointmentId: 1, appointmentUnknown: 0 });
  const lost = await cli(['consultations', 'front-desk', '--quarantined']);
  expect(lost.stdout).toContain('names no appointment');
  expect(lost.stdout).toContain('770001');
  expect(lost.stdout).not.toContain('770000');
  expect(lost.stdout + shown.stdout).not.toContain('Sample');
  const failures = await cli(['failures', 'front-desk']);
  expect(failures.stdout).toContain('consultation_unlinked');
  expect((await cli(['failures', 'front-desk', '--skip', 'all'])).code).toBe(0);
  expect((await cli(['sync', 'front-desk', '--mode', 'consultations'])).code).toBe(0);
  expect((await cli(['plan', 'front-desk', '--mode', 'consultations'])).code).toBe(2);
  const status = await cli(['status', '--json']);
  expect(status.lines[0]).toMatchObject({ connectionId: 'front-desk', lastSuccessAt: expect.any(String) });
});

test('what only copies of files have is refused in words', { timeout: 120_000 }, async () => {
  const patient = await cli(['sync', 'front-desk', '--patient', '5d1c3e7a-0b42-4f86-9a17-2e60c8d4b935']);
  expect(patient).toMatchObject({ code: 2, stderr: expect.stringContaining('--patient') });
  const mode = await cli(['sync', 'front-desk', '--mode', 'deep']);
  expect(mode).toMatchObject({ code: 2, stderr: expect.stringContaining('it has calendar') });
});
