/**
 * A thousand broken documents through a service as it runs: `npm run broken-documents [-- --without-programs] [--only kind]`.
 *
 * Prints the verdicts by kind, the slowest documents and the memory; ends with 1 when a document has no verdict, a reader
 * crashed, a reader took more memory than it may, or the service grew. Takes some minutes.
 */
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openServices, type Services } from '../bench/services.ts';
import { type BrokenDocument, brokenDocuments } from '../support/broken/broken-documents.ts';
import { feed, type Verdict } from '../support/broken/feed.ts';
import { startCli } from '../support/cli.ts';
import { watchWorkers } from '../support/worker-memory.ts';

const KEY = 'soak-administrator-key-0123456789';
const ORGANIZATION = 'org_soak';
const PATIENT = '00000000-0000-4000-8000-0000000050a4';
const WORKER_MEGABYTES = 600;
/** Between the first fifth of the documents and the end. */
const GROWTH_MEGABYTES = 150;
const TIMEOUT_MS = 3_600_000;
const SLOWEST = 15;

const { values } = parseArgs({
  options: {
    'without-programs': { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
process.exitCode = await main();

async function main(): Promise<number> {
  const all = await brokenDocuments();
  const documents = values.only === undefined ? all : all.filter(({ kind }) => kind.startsWith(values.only!));
  console.log(`${documents.length} documents of ${new Set(documents.map(({ kind }) => kind)).size} kinds`);
  const services = await openServices();
  try {
    return await soak(services, documents);
  } finally {
    await services.close();
  }
}

async function soak(services: Services, documents: readonly BrokenDocument[]): Promise<number> {
  const folder = await services.folder();
  const file = {
    organizations: [{ id: ORGANIZATION, name: 'Soak', timeZone: 'UTC', connections: [] }],
    stores: { blobs: { kind: 'filesystem', folder: join(folder, 'blobs') }, search: { kind: 'lancedb' } },
  };
  await writeFile(join(folder, 'chartsync.yaml'), JSON.stringify(file));
  await mkdir(join(folder, 'home'));
  const service = startCli(['serve', '--json'], {
    cwd: folder,
    env: {
      CHARTSYNC_HOME: join(folder, 'home'),
      CHARTSYNC_CONFIG: join(folder, 'chartsync.yaml'),
      CHARTSYNC_ADMIN_KEY: KEY,
      DATABASE_URL: await services.recordDatabase(),
      PORT: '0',
      SYNC_LOG_LEVEL: 'error',
      ...(values['without-programs'] ? { PATH: '' } : {}),
    },
  });
  let output = '';
  service.child.stdout!.on('data', (text: string) => {
    output += text;
  });
  try {
    await service.printed('ready');
    const { url } = JSON.parse(output.split('\n').find((line) => line.includes('"type":"ready"'))!) as { url: string };
    await addPatient(url);
    return await judge(url, service.child.pid!, documents);
  } finally {
    service.child.kill('SIGTERM');
    const { stdout } = await service.result;
    const errors = stdout.split('\n').filter((line) => line.includes('"level":"error"'));
    if (errors.length > 0) console.log(`\n${errors.length} errors in the log; the first: ${errors[0]}`);
  }
}

/** The fileset comes with the first document. */
async function addPatient(url: string): Promise<void> {
  const form = new FormData();
  form.append('patientUuid', PATIENT);
  form.append('metadata', JSON.stringify({ vsrxReference: 'first', createPatient: true }));
  form.append('file', new Blob(['Zoe Sample']), 'first.txt');
  const headers = { authorization: `Bearer ${KEY}`, 'x-silknote-user-uuid': '00000000-0000-4000-8000-000000000001' };
  const response = await fetch(`${url}/api/process`, { method: 'POST', headers, body: form });
  if (response.status !== 200) throw new Error(`The patient was not made: ${response.status}`);
}

async function judge(url: string, pid: number, documents: readonly BrokenDocument[]): Promise<number> {
  const begun = performance.now();
  const watched = watchWorkers(pid);
  const early: { megabytes: number | null } = { megabytes: null };
  let told = 0;
  const verdicts = await feed({
    url,
    key: KEY,
    patientUuid: PATIENT,
    documents,
    timeoutMs: TIMEOUT_MS,
    onProgress: (done) => {
      if (done >= documents.length / 5) early.megabytes ??= resident(pid);
      if (done < told + 50) return;
      told = done;
      console.log(`  ${done} after ${seconds(performance.now() - begun)}, service ${resident(pid)} MB`);
    },
  });
  const wallMs = performance.now() - begun;
  const workers = watched.stop();
  const atEnd = resident(pid);
  const peak = Math.round(workers.peakBytes / 1e6);

  console.log(`\n${verdicts.length} verdicts in ${seconds(wallMs)}`);
  printTable(verdicts);
  console.log('\nSlowest:');
  for (const { name, ms, status, code } of [...verdicts].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST)) {
    console.log(`  ${seconds(ms).padStart(8)}  ${(code ?? status).padEnd(26)} ${name}`);
  }
  console.log(
    `\nMemory: a reader at most ${peak} MB (${workers.workers} readers), the service ${early.megabytes} MB early, ${atEnd} MB at the end`,
  );

  const faults = verdicts.flatMap((verdict) => faultOf(verdict) ?? []);
  if (peak > WORKER_MEGABYTES) faults.push(`A reader took ${peak} MB.`);
  if (atEnd - early.megabytes! > GROWTH_MEGABYTES)
    faults.push(`The service grew from ${early.megabytes} to ${atEnd} MB.`);
  for (const fault of faults) console.error(`\n${fault}`);
  return faults.length === 0 ? 0 : 1;
}

function faultOf({ name, status, code, reason }: Verdict): string | null {
  if (status === 'complete') return null;
  if (reason === null || reason === '') return `No reason: ${name}.`;
  if (status === 'not accepted') return null;
  if (code === null || !code.startsWith('document_')) return `${code ?? status} is no verdict: ${name}.`;
  return code === 'document_reader_crashed' ? `The reader crashed: ${name}.` : null;
}

function printTable(verdicts: readonly Verdict[]): void {
  const counts = new Map<string, Map<string, number>>();
  for (const { kind, status, code } of verdicts) {
    const ofKind = counts.get(kind) ?? new Map<string, number>();
    counts.set(kind, ofKind);
    const verdict = code ?? status;
    ofKind.set(verdict, (ofKind.get(verdict) ?? 0) + 1);
  }
  for (const [kind, ofKind] of counts) {
    const parts = [...ofKind].sort(([, a], [, b]) => b - a).map(([verdict, count]) => `${count} ${verdict}`);
    console.log(`  ${kind.padEnd(24)} ${parts.join(', ')}`);
  }
  const total = new Map<string, number>();
  for (const { status, code } of verdicts) total.set(code ?? status, (total.get(code ?? status) ?? 0) + 1);
  console.log(
    `  ${'all'.padEnd(24)} ${[...total]
      .sort(([, a], [, b]) => b - a)
      .map(([v, n]) => `${n} ${v}`)
      .join(', ')}`,
  );
}

function resident(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round((Number(kilobytes) * 1024) / 1e6);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
