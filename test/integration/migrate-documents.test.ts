/** A patient is booked anew: documents go to the new fileset, stay there whatever runs do, and can go back. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { runCli, startCli } from '../support/cli.ts';
import { runCommand } from '../support/command.ts';
import { expectEqualStores } from '../support/equal-stores.ts';
import { ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;
let records: pg.Client;
/** Each test has two patients of its own, and files of the first one. */
let former: string;
let present: string;
let patients: string[];
let references: Record<Name, string>;

type Name = 'healed' | 'reassigned' | 'deleted';

beforeAll(async () => {
  setup = await setUpPractice({
    patients: 10,
    attachments: 30,
    sections: { stores: { search: { kind: 'lancedb' } }, limits: { retryDelay: '10ms' } },
  });
  patients = [...setup.practice.patientUuids];
  records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await records.connect();
  server = await serve({
    config: await loadConfig({ env: setup.environment, cwd: setup.folder }),
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
  await synchronise();
});
beforeEach(async () => {
  [former, present] = patients.splice(0, 2) as [string, string];
  references = { healed: randomUUID(), reassigned: randomUUID(), deleted: randomUUID() };
  await addFile('healed', 'The zaffre parrot has healed.', former);
  await addFile('reassigned', 'The vermilion parrot flies.', former);
  await addFile('deleted', 'The ochre parrot sleeps.', former);
  await synchronise();
});
afterAll(async () => {
  await server?.stop();
  await records?.end();
  await setup?.close();
});

async function ask(method: string, path: string, body?: object) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  return { status: response.status, json: (await response.json()) as any };
}

const assessmentOf = (patient: string) =>
  `(SELECT a.assessment_id FROM assessments AS a JOIN candidates AS c ON c.candidate_id = a.candidate_id
    WHERE lower(c."silknotePatientUuid") = '${patient}' ORDER BY a.assessment_id LIMIT 1)`;

const pathOf = (name: Name) => `notes/${references[name]}.txt`;

async function addFile(name: Name, text: string, patient: string): Promise<void> {
  const path = pathOf(name);
  await writeFile(join(setup.filesFolder, path), text);
  await setup.source.execute(
    `INSERT INTO ax_notes_attachments (assessment_id, user_id, datestamp, file, description, file_uuid)
     VALUES (${assessmentOf(patient)}, NULL, '2026-01-05 10:00:00', '${path}', 'Followed', '${references[name]}')`,
  );
}

async function synchronise(mode = 'quick'): Promise<void> {
  expect((await ask('POST', `/api/sync/vsrx?wait=true&mode=${mode}`)).status).toBe(200);
  await settled();
}

async function settled(): Promise<void> {
  // All documents of the practice are read at the beginning.
  await until(async () => (await server.chartsync.documentWork.open(ORGANIZATION)) === 0, 240_000);
}

/** Reference → UUID of the document, of what is live there. */
async function documentsOf(patient: string): Promise<Record<string, string>> {
  const { json } = await ask('GET', `/api/patients/${patient}/documents?limit=1000`);
  return Object.fromEntries(
    json.documents.map((d: { vsrxReference: string; silknoteDocumentUuid: string }) => [
      d.vsrxReference,
      d.silknoteDocumentUuid,
    ]),
  );
}

async function found(query: string, patient: string): Promise<number> {
  return (await ask('POST', `/api/patients/${patient}/search`, { query })).json.passages.length;
}

const migrate = (body: object = {}) =>
  ask('POST', `/api/patients/${former}/migrate`, { targetPatientUuid: present, ...body });

test('documents go to the new fileset, keep to it whatever runs see, and go back', async () => {
  const [before, beforeThere] = [await documentsOf(former), await documentsOf(present)];
  const n = Object.keys(before).length;
  expect(n).toBeGreaterThan(3);
  expect(await found('zaffre', former)).toBe(1);

  const plan = await migrate({ dryRun: true });
  expect(plan).toMatchObject({ status: 200, json: { dryRun: true, migrationId: null, documents: n, conflicts: [] } });
  expect(await documentsOf(former)).toEqual(before);

  const applied = await migrate();
  const there = Object.keys(beforeThere).length;
  expect(applied.json).toMatchObject({
    documents: n,
    counts: { from: { before: n, after: 0 }, to: { before: there, after: there + n } },
  });
  // At once, whatever the index has by now.
  expect(await found('zaffre', former)).toBe(0);
  await settled();
  expect(await found('zaffre', present)).toBe(1);
  expect(await documentsOf(former)).toEqual({});
  expect(await documentsOf(present)).toEqual({ ...beforeThere, ...before });
  await expectEqualStores(setup, records);

  for (const mode of ['quick', 'deep', 'quick']) await synchronise(mode);
  expect(await documentsOf(former)).toEqual({});
  expect(await documentsOf(present)).toEqual({ ...beforeThere, ...before });
  await expectEqualStores(setup, records);
  expect((await migrate()).json).toMatchObject({ documents: 0, migrationId: null });

  // What changes where the source lists it changes the document where it is.
  await writeFile(join(setup.filesFolder, pathOf('healed')), 'The teal parrot has healed well, at last.');
  await setup.source.execute(
    `UPDATE ax_notes_attachments SET deleted = true WHERE file_uuid = '${references.deleted}'`,
  );
  // And at last the source itself lists one of them at the new patient.
  await setup.source.execute(
    `UPDATE ax_notes_attachments SET assessment_id = ${assessmentOf(present)} WHERE file_uuid = '${references.reassigned}'`,
  );
  for (const mode of ['deep', 'quick', 'quick']) await synchronise(mode);
  const { [references.deleted]: _, ...left } = before;
  expect(await documentsOf(former)).toEqual({});
  expect(await documentsOf(present)).toEqual({ ...beforeThere, ...left });
  expect(await found('teal', present)).toBe(1);
  expect(await found('zaffre', present)).toBe(0);
  await expectEqualStores(setup, records);

  const history = await ask('GET', `/api/patients/${present}/migrations`);
  expect(history.json).toMatchObject({
    formerIds: [former],
    migrations: [{ id: applied.json.migrationId, documents: n }],
  });
  const undo = `/api/patients/${present}/migrations/${applied.json.migrationId}/undo`;
  expect((await ask('POST', undo)).json).toMatchObject({ documents: n, conflicts: [] });
  await settled();
  expect(await documentsOf(former)).toEqual(left);
  expect(await documentsOf(present)).toEqual(beforeThere);
  expect(await found('teal', former)).toBe(1);
  expect(await found('teal', present)).toBe(0);
  await expectEqualStores(setup, records);
  for (const mode of ['deep', 'quick', 'quick']) await synchronise(mode);
  expect(await documentsOf(former)).toEqual(left);
  expect(await documentsOf(present)).toEqual(beforeThere);
  expect((await ask('POST', undo)).json.details.error_type).toBe('migration_undone');
  expect((await ask('GET', `/api/patients/${present}/migrations`)).json.formerIds).toEqual([]);
  const { json: log } = await ask('GET', '/api/v1/audit?limit=200');
  const actions = log.entries.map((entry: { action: string }) => entry.action);
  expect(actions).toContain('documents.migrate');
  expect(actions).toContain('documents.migrate_undo');
});

test('the command is all or nothing, also when it is killed, and can be given again', async () => {
  const before = await documentsOf(former);
  const options = { cwd: setup.folder, env: { ...setup.environment } };
  const args = ['migrate-documents', '--from', former, '--to', present];
  const planned = await runCli([...args, '--plan', '--json'], options);
  expect(planned).toMatchObject({ code: 0 });

  const [one = ''] = Object.values(before);
  await records.query('BEGIN');
  await records.query('SELECT 1 FROM silknote_documents WHERE "silknoteDocumentUuid" = $1 FOR UPDATE', [one]);
  const watcher = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await watcher.connect();
  const cli = startCli([...args, '--apply'], options);
  await until(async () => {
    const { rows } = await watcher.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
         AND query LIKE '%silknote_documents%FOR UPDATE OF d%'`,
    );
    return rows.length > 0;
  });
  cli.child.kill('SIGKILL');
  await cli.result;
  await records.query('ROLLBACK');
  await watcher.end();
  expect(await documentsOf(former)).toEqual(before);
  await settled();
  await expectEqualStores(setup, records);

  const done = await runCli([...args, '--apply', '--json'], options);
  expect(done.code).toBe(0);
  const migrated = done.lines.find(({ type }) => type === 'migrated')!;
  await settled();
  expect(await documentsOf(former)).toEqual({});
  expect(Object.keys(await documentsOf(present))).toEqual(expect.arrayContaining(Object.keys(before)));
  await expectEqualStores(setup, records);
  const again = await runCommand([...args, '--apply', '--json'], options);
  expect(again.lines.find(({ type }) => type === 'migrated')).toMatchObject({ documentUuids: [], migrationId: null });

  expect(await runCli(['migrate-documents', '--undo', String(migrated.migrationId)], options)).toMatchObject({
    code: 0,
  });
  await settled();
  expect(await documentsOf(former)).toEqual(before);
  await expectEqualStores(setup, records);
  const wrong = [...args.slice(0, 3), '--to', '00000000-0000-4000-8000-000000000001', '--plan'];
  expect(await runCommand(wrong, options)).toMatchObject({ code: 2 });
  expect(await runCommand([...args, '--plan', '--apply'], options)).toMatchObject({ code: 2 });
  // Half a dozen processes start one after another.
}, 600_000);

test('who knows a document only by its former fileset brings it once, and can remove it', async () => {
  const reference = '5a3bb0f1-7a63-4c0e-9d3e-0f1f5f3c9a14';
  const bring = async () => {
    const form = new FormData();
    form.append('patientUuid', former);
    form.append('metadata', JSON.stringify({ vsrxReference: reference }));
    form.append('file', new Blob(['A pushed letter.']), 'pushed.txt');
    const response = await fetch(`${server.url}/api/process`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}` },
      body: form,
    });
    return (await response.json()) as { documentUuid: string; created: boolean };
  };
  const { documentUuid } = await bring();
  expect((await migrate({ documentIds: [documentUuid] })).json).toMatchObject({ documents: 1 });
  expect(await bring()).toMatchObject({ documentUuid, created: false });
  expect((await documentsOf(former))[reference]).toBeUndefined();
  expect((await documentsOf(present))[reference]).toBe(documentUuid);
  const stranger = '00000000-0000-4000-8000-000000000002';
  const remove = (patientUuid: string) => ask('DELETE', '/api/documents/delete', { documentUuid, patientUuid });
  expect((await remove(stranger)).status).toBe(404);
  expect((await remove(former)).status).toBe(200);
  expect((await documentsOf(present))[reference]).toBeUndefined();
  await settled();
  await expectEqualStores(setup, records);
});

test('what would clash with a document of the other patient stays, and only what was named goes', async () => {
  const bring = async (patient: string, text: string) => {
    const form = new FormData();
    form.append('clientFileId', 'scan-1');
    form.append('file', new Blob([text]), 'scan.txt');
    const response = await fetch(`${server.url}/api/patients/${patient}/process`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.adminKey}` },
      body: form,
    });
    return ((await response.json()) as { documents: { documentUuid: string }[] }).documents[0]!.documentUuid;
  };
  const mine = await bring(former, 'A scan.');
  await bring(present, 'Another scan.');
  const before = await documentsOf(former);
  const healed = before[references.healed]!;
  const stranger = '00000000-0000-4000-8000-000000000002';
  const { json } = await migrate({ documentIds: [mine, healed, stranger] });
  expect(json.documentIds).toEqual([healed]);
  expect(json.conflicts).toEqual(
    expect.arrayContaining([
      { documentId: mine, reason: 'same_reference' },
      { documentId: stranger, reason: 'not_here' },
    ]),
  );
  expect((await migrate({ targetPatientUuid: former })).status).toBe(400);
  expect((await migrate({ targetPatientUuid: stranger })).status).toBe(404);
});
