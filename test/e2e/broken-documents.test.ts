/** A hundred of the broken documents through the service as it runs; `npm run broken-documents` takes all thousand. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ERROR_CATALOGUE } from '../../src/domain/errors.ts';
import { brokenDocuments, sampleOf } from '../support/broken/broken-documents.ts';
import { feed } from '../support/broken/feed.ts';
import { type CliProcess, startCli } from '../support/cli.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';
import { watchWorkers, workersOf } from '../support/worker-memory.ts';

const MEGABYTE = 1_000_000;
const EVERY = 12;

let setup: PracticeSetup;
let server: CliProcess;
let url = '';

beforeAll(async () => {
  setup = await setUpPractice({
    patients: 2,
    attachments: 4,
    // As many as on two cores, whatever the machine has.
    sections: { stores: { search: { kind: 'lancedb' } }, limits: { retryDelay: '10ms' } },
  });
  // Without LibreOffice and Tesseract: they would take minutes.
  server = startCli(['serve', '--json'], { cwd: setup.folder, env: { ...setup.environment, PATH: '' } });
  ({ url } = await server.printed('ready'));
  expect((await ask('POST', '/api/sync/vsrx?wait=true')).status).toBe(200);
});
afterAll(async () => {
  server?.child.kill('SIGTERM');
  await server?.result;
  await setup?.close();
});

function ask(method: string, path: string): Promise<Response> {
  const key = setup.environment.CHARTSYNC_ADMIN_KEY;
  return fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${key}` } });
}

function residentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kilobytes) * 1024) / MEGABYTE;
}

test('every broken document has a verdict that says why, and the service is as it was', async () => {
  const documents = sampleOf(await brokenDocuments(), EVERY);
  expect(documents.length).toBeGreaterThanOrEqual(90);
  const pid = server.child.pid!;
  const [patientUuid] = setup.practice.patientUuids as [string];
  const key = setup.environment.CHARTSYNC_ADMIN_KEY;
  const halfway: { megabytes: number | null } = { megabytes: null };
  const watched = watchWorkers(pid);
  const verdicts = await feed({
    url,
    key,
    patientUuid,
    documents,
    timeoutMs: 150_000,
    onProgress: (settled) => {
      if (settled >= documents.length / 2) halfway.megabytes ??= residentMegabytes(pid);
    },
  });
  const memory = watched.stop();

  for (const verdict of verdicts) {
    if (verdict.status === 'complete') continue;
    expect(verdict).toMatchObject({ reason: expect.stringMatching(/\w/) });
    if (verdict.status === 'not accepted') continue;
    expect(verdict).toMatchObject({ status: 'error', code: expect.stringMatching(/^document_/) });
    expect(verdict.code).not.toBe('document_reader_crashed');
    expect(Object.keys(ERROR_CATALOGUE)).toContain(verdict.code);
  }
  // Both happen: damage that is survived, and damage that is told.
  expect(verdicts.filter(({ status }) => status === 'complete').length).toBeGreaterThan(10);
  expect(verdicts.filter(({ status }) => status === 'error').length).toBeGreaterThan(10);

  expect(memory.peakBytes / MEGABYTE).toBeLessThan(600);
  expect(residentMegabytes(pid) - halfway.megabytes!).toBeLessThan(100);
  expect(server.child.exitCode).toBeNull();
  expect((await ask('GET', '/ready')).status).toBe(200);
  // Nothing is tried again for ever. What the source brought is read after what was uploaded.
  await until(async () => (await setup.chartsync.documentWork.open('org_test')) === 0);
  expect(workersOf(pid).length).toBeLessThanOrEqual(2);
});
