/** Files of patients in a sample Cliniko account become documents: through the real engine, PostgreSQL and a blob store. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { defaultFaults, type Faults } from '../../simulators/cliniko/faults.ts';
import type { PatientAttachment } from '../../simulators/cliniko/records.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createPlannedItems, type PlannedItems, readPlannedItems } from '../../src/domain/planned-items.ts';
import { inspect } from '../../src/runs/inspect-connection.ts';
import { runOnce } from '../../src/runs/sync-service.ts';
import { serve } from '../../src/server.ts';
import { expectDocuments, expectNothingLeft, liveDocuments } from '../support/cliniko-attachments.ts';
import { type ClinikoSetup, ORGANIZATION, setUpCliniko } from '../support/cliniko-setup.ts';
import { until } from '../support/until.ts';

let setup: ClinikoSetup;
const setUp = (settings: object = {}) =>
  setUpCliniko({
    account: { patients: 160, appointments: 20 },
    settings: { attachments: true, ...settings },
    sections: { limits: { retryDelay: '5ms', documentsAtOnce: 0, retryAttempts: 3, maxFileSize: '1MB' } },
  });
beforeEach(async () => {
  setup = await setUp();
});
afterEach(() => setup.close());

const attachments = () => setup.world.tables.attachments.rows;
const live = () => attachments().filter((one) => one.archivedAt === null);
const firstLive = () => live()[0]!;
/** Somebody puts a file into the record of the first patient. */
const attach = (text: string, filename = 'letter.txt') =>
  setup.world.attach(firstPatient().id, { filename, contentType: 'text/plain', bytes: Buffer.from(text) });
const firstPatient = () =>
  setup.world.tables.patients.rows.find((one) => one.deletedAt === null && one.archivedAt === null)!;
const failures = () =>
  setup.query<{ reference: string; code: string; message: string }>(
    "SELECT reference, code, message FROM sync_failures WHERE unit = 'documents' ORDER BY 1",
  );
const downloads = () => setup.simulator.files.requests.length;

test('each file becomes one document of its patient, and a second run fetches nothing', async () => {
  const first = await setup.run('comprehensive');
  expect(first).toMatchObject({ state: 'completed', outcome: 'success', error: null });
  await expectDocuments(setup);
  expect(live().length).toBeGreaterThan(10);
  expect(downloads()).toBe(live().length);
  const asked = setup.requests().filter((request) => request.endsWith('/content'));
  expect(asked).toHaveLength(live().length);
  for (const mode of ['incremental', 'comprehensive'] as const) {
    const again = await setup.run(mode);
    expect(again).toMatchObject({ outcome: 'success', counts: { added: 0, updated: 0, removed: 0 } });
  }
  expect(downloads()).toBe(live().length);
  await setup.expectCopy();
  const described = () =>
    setup.query<{ born: string; known: string; gender: string; sex: string }>(
      `SELECT f."patientDob" AS born, to_char(p.birth_date, 'DD/MM/YYYY') AS known, f.gender, p.sex
       FROM silknote_patient_filesets AS f JOIN patients AS p ON p.id::text = f."silknotePatientUuid"
       ORDER BY f."silknotePatientUuid"`,
    );
  const people = await described();
  expect(people.some(({ known, sex }) => known !== null && sex !== null)).toBe(true);
  for (const { born, known, gender, sex } of people) expect([born, gender]).toEqual([known, sex]);
  const [work] = await setup.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM document_outbox WHERE task = 'process'",
  );
  expect(work!.n).toBe(live().length);
});

test('nothing is read of them unless the connection says so', async () => {
  const other = await setUpCliniko({ account: { patients: 60, appointments: 5 } });
  try {
    expect(await other.run('comprehensive')).toMatchObject({ outcome: 'success' });
    expect(other.requests().filter((request) => request.includes('patient_attachments'))).toEqual([]);
    expect(await liveDocuments(other)).toEqual([]);
  } finally {
    await other.close();
  }
});

test('a run that keeps to a plan brings the files that the plan showed, and no others', async () => {
  await setup.run('comprehensive');
  const keptTo = (planned: PlannedItems) =>
    runOnce(setup.connection, { mode: 'incremental', trigger: 'api', keepTo: async () => planned });
  const plan = async () => {
    const planned = createPlannedItems();
    const { counts } = await inspect({
      connection: setup.connection,
      kind: 'plan',
      options: { mode: 'incremental', content: false, preview: null },
      repaired: null,
      storesOf: () => ({ index: null, remote: null, mirror: null }),
      contents: { ...setup.chartsync, names: setup.chartsync.contentNames },
      connections: [setup.connection],
      planned,
      signal: AbortSignal.timeout(60_000),
      advance: () => undefined,
    });
    return { counts, planned: readPlannedItems(planned.bytes()) };
  };
  // One that is known and could not be fetched.
  const late = attach('fetched late');
  setup.simulator.faults.attachments.download = 'error';
  expect(await setup.run('incremental')).toMatchObject({ outcome: 'partial' });
  setup.simulator.faults.attachments.download = 'ok';
  const before = downloads();
  expect(await keptTo(readPlannedItems(createPlannedItems().bytes()))).toMatchObject({
    // It has not brought what is there to be brought.
    outcome: 'partial',
    counts: { added: 0, waiting: 1 },
  });
  expect(downloads()).toBe(before);
  const shown = await plan();
  expect(shown.counts.bring).toBe(1);
  expect(shown.planned.has({ what: 'bring', unit: 'documents', reference: late.id })).toBe(true);
  // Another one comes after the plan.
  attach('came since', 'other.txt');
  expect(await keptTo(shown.planned)).toMatchObject({ state: 'cancelled', error: { code: 'plan_differs' } });
  expect(downloads()).toBe(before);
  expect(await keptTo((await plan()).planned)).toMatchObject({ outcome: 'success', counts: { added: 2 } });
  await expectDocuments(setup);
});

test('what people add, describe, replace and put back is followed', async () => {
  await setup.run('comprehensive');
  const added = attach('first words');
  expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { added: 1, updated: 0 } });
  await expectDocuments(setup);
  const before = downloads();
  added.description = 'Described later';
  setup.world.touch(added);
  expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { added: 0, updated: 1 } });
  await expectDocuments(setup);
  expect(downloads()).toBe(before);
  const uuid = (await liveDocuments(setup)).find((one) => one.reference === added.id)!.uuid;
  setup.world.replaceAttachment(added.id, Buffer.from('other words, and more of them'));
  expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { added: 0, updated: 1 } });
  await expectDocuments(setup);
  expect((await liveDocuments(setup)).find((one) => one.reference === added.id)!.uuid).toBe(uuid);
  setup.world.archiveAttachment(added.id);
  expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success', counts: { removed: 1 } });
  await expectDocuments(setup);
  added.archivedAt = null;
  setup.world.touch(added);
  expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { added: 1 } });
  await expectDocuments(setup);
});

test('the same bytes of two patients are stored once, and stay while one of them has them', async () => {
  const [one, other] = setup.world.tables.patients.rows.filter((row) => row.deletedAt === null);
  const file = { filename: 'same.txt', contentType: 'text/plain', bytes: Buffer.from('the very same bytes') };
  const first = setup.world.attach(one!.id, file);
  setup.world.attach(other!.id, file);
  await setup.run('comprehensive');
  await expectDocuments(setup);
  setup.world.archiveAttachment(first.id);
  expect(await setup.run('comprehensive')).toMatchObject({ counts: { removed: 1 } });
  await expectDocuments(setup);
});

describe('removal', () => {
  test('an archived file goes with the next read of everything, not before', async () => {
    await setup.run('comprehensive');
    const gone = firstLive();
    const [patient] = (await liveDocuments(setup)).filter((one) => one.reference === gone.id);
    setup.world.archiveAttachment(gone.id);
    expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { removed: 0 } });
    expect((await liveDocuments(setup)).map((one) => one.reference)).toContain(gone.id);
    expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success', counts: { removed: 1 } });
    await expectDocuments(setup);
    expect(
      await setup.query(
        `SELECT d."deletedReason" AS reason, o.task FROM silknote_documents AS d
         JOIN document_outbox AS o ON o.document_uuid = d."silknoteDocumentUuid"
         WHERE d."silknoteDocumentUuid" = $1`,
        [patient!.uuid],
      ),
    ).toEqual([{ reason: 'source:deleted', task: 'unindex' }]);
    // Nor does a later read of everything bring it back.
    expect(await setup.run('comprehensive')).toMatchObject({ counts: { added: 0, updated: 0, removed: 0 } });
    await expectDocuments(setup);
  });

  test('a file that vanishes silently is asked for by its id, then its document goes', async () => {
    await setup.run('comprehensive');
    setup.world.removeSilently(firstLive().id);
    setup.requests();
    expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success', counts: { removed: 1 } });
    await expectDocuments(setup);
  });

  test.each([
    ['archived', (one: PatientAttachment) => setup.world.archiveAttachment(one.id)],
    ['vanished', (one: PatientAttachment) => void setup.world.removeSilently(one.id)],
  ])('many that are %s at once wait for a person, and go when one says so', async (_name, away) => {
    for (let i = 0; i < 60; i++) attach(`one of many: ${i}`);
    await setup.run('comprehensive');
    const before = await liveDocuments(setup);
    for (const one of live().slice(0, 55)) away(one);
    expect(await setup.run('comprehensive')).toMatchObject({ counts: { removed: 0, held: 55 } });
    expect(await liveDocuments(setup)).toEqual(before);
    const { runs } = setup.chartsync;
    const [set] = (await runs.heldSets(ORGANIZATION)).filter((one) => one.state === 'pending');
    expect(set).toMatchObject({ unit: 'patient_attachments', itemCount: 55 });
    await runs.decideHeldSet(ORGANIZATION, set!.id, { approve: true, by: 'test', note: null }, Date.now());
    const { applyHeld } = await import('../../src/runs/sync-service.ts');
    expect(await applyHeld(setup.connection, { setId: set!.id })).toMatchObject({
      outcome: 'success',
      counts: { removed: 55 },
    });
    await expectDocuments(setup);
  });

  test('what a person kept stays, though the source says it is archived', async () => {
    for (let i = 0; i < 60; i++) attach(`one of many: ${i}`);
    await setup.run('comprehensive');
    const before = await liveDocuments(setup);
    for (const one of live().slice(0, 55)) setup.world.archiveAttachment(one.id);
    await setup.run('comprehensive');
    const { runs } = setup.chartsync;
    const [set] = await runs.heldSets(ORGANIZATION);
    await runs.decideHeldSet(ORGANIZATION, set!.id, { approve: false, by: 'test', note: null }, Date.now());
    expect(await setup.run('comprehensive')).toMatchObject({ counts: { removed: 0, held: 0 } });
    expect(await liveDocuments(setup)).toEqual(before);
  });
});

describe('patients', () => {
  test('the documents of a merged patient go to the other one, without being fetched again', async () => {
    const [one, other] = setup.world.tables.patients.rows.filter((row) => row.deletedAt === null && !row.mergedInto);
    const file = setup.world.attach(one!.id, {
      filename: 'moves.txt',
      contentType: 'text/plain',
      bytes: Buffer.from('m'),
    });
    await setup.run('comprehensive');
    await expectDocuments(setup);
    const before = downloads();
    setup.world.mergePatients(one!.id, other!.id);
    expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { removed: 0, failed: 0 } });
    await expectDocuments(setup);
    expect(downloads()).toBe(before);
    const reasons = await setup.query(
      `SELECT "deletedReason" AS reason FROM silknote_documents WHERE "vsrxReference" = $1 ORDER BY "deletedAt" NULLS LAST`,
      [file.id],
    );
    expect(reasons).toEqual([{ reason: 'source:reassigned' }, { reason: null }]);
  });

  test('also when the source leaves the file with the merged one', async () => {
    const [one, other] = setup.world.tables.patients.rows.filter((row) => row.deletedAt === null && !row.mergedInto);
    const file = setup.world.attach(one!.id, {
      filename: 'stays.txt',
      contentType: 'text/plain',
      bytes: Buffer.from('s'),
    });
    await setup.run('comprehensive');
    const { updatedAt } = file;
    setup.world.mergePatients(one!.id, other!.id);
    for (const row of attachments()) if (row.id === file.id) row.patientId = one!.id;
    file.updatedAt = updatedAt;
    await setup.run('incremental');
    const [survivor] = await setup.query<{ id: string }>('SELECT id FROM patients WHERE cliniko_patient_id = $1', [
      other!.id,
    ]);
    const documents = (await liveDocuments(setup)).filter((row) => row.reference === file.id);
    expect(documents.map((row) => row.patient)).toEqual([survivor!.id]);
  });

  test('a patient that nobody knows: the document waits under the id that the patient will have', async () => {
    const patient = setup.world.addPatient({ firstName: 'Late', lastName: 'Sample' });
    const file = setup.world.attach(patient.id, {
      filename: 'l.txt',
      contentType: 'text/plain',
      bytes: Buffer.from('l'),
    });
    setup.simulator.faults.answers = [{ kind: 'status500', resource: 'patients' }];
    expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'partial' });
    const [early] = (await liveDocuments(setup)).filter((row) => row.reference === file.id);
    setup.simulator.faults.answers = [];
    await setup.run('comprehensive');
    await expectDocuments(setup);
    expect((await liveDocuments(setup)).find((row) => row.reference === file.id)).toMatchObject({ uuid: early!.uuid });
  });
});

describe('bad input', () => {
  const cases: readonly [Partial<Faults['attachments']>, string][] = [
    [{ download: 'expired' }, 'attachment_refused'],
    [{ linkSeconds: 0 }, 'attachment_refused'],
    [{ download: 'truncated' }, 'attachment_mismatch'],
    [{ download: 'html' }, 'attachment_mismatch'],
    [{ download: 'endless' }, 'attachment_mismatch'],
    [{ download: 'stall' }, 'attachment_unavailable'],
    [{ download: 'error' }, 'attachment_unavailable'],
    [{ download: 'missing' }, 'attachment_missing'],
    [{ download: 'redirect' }, 'attachment_link_refused'],
    [{ download: 'redirect-elsewhere' }, 'attachment_link_refused'],
  ];
  test.each(cases)('%j: told as %s, nothing is stored or removed, and later it comes', async (faults, code) => {
    if (faults.download === 'stall') {
      // The only one that is waited for until its time is up.
      await setup.close();
      setup = await setUp({ timeout: '1s' });
    }
    await setup.run('comprehensive');
    const before = await liveDocuments(setup);
    const added = attach('not at once');
    const replaced = live().find((one) => one.id !== added.id)!;
    setup.world.replaceAttachment(replaced.id, Buffer.from('replaced, but out of reach'));
    Object.assign(setup.simulator.faults.attachments, faults);
    for (const mode of ['incremental', 'comprehensive'] as const) {
      const result = await setup.run(mode);
      expect(result).toMatchObject({
        state: 'completed',
        outcome: 'partial',
        counts: { failed: 2, removed: 0, added: 0 },
      });
      expect((await failures()).map(({ reference, code }) => ({ reference, code }))).toEqual(
        [added.id, replaced.id].sort().map((reference) => ({ reference, code })),
      );
      expect(await liveDocuments(setup)).toEqual(before);
      await expectNothingLeft(setup);
    }
    for (const { message } of await failures()) expect(message).not.toMatch(/letter|X-Amz|http/);
    Object.assign(setup.simulator.faults.attachments, defaultFaults().attachments);
    expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { added: 1, updated: 1 } });
    await expectDocuments(setup);
    expect(await failures()).toEqual([]);
  });

  test('the link of the content without its last part is followed as well', async () => {
    setup.simulator.faults.attachments.contentLinkWithoutPath = true;
    expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'success' });
    await expectDocuments(setup);
  });

  test('a file over the limit, an empty one, one that is never processed: each is told, the others come', async () => {
    const large = setup.world.attach(firstPatient().id, {
      filename: 'large.bin',
      contentType: 'text/plain',
      bytes: Buffer.alloc(1_100_000, 'x'),
    });
    const empty = attach('');
    const never = setup.world.attach(firstPatient().id, { filename: 'never.pdf', readsUntilProcessed: null });
    const result = await setup.run('comprehensive');
    expect(result).toMatchObject({ outcome: 'partial', counts: { failed: 2, waiting: 1 } });
    expect(await failures()).toMatchObject([
      { reference: large.id, code: 'file_too_large' },
      { reference: empty.id, code: 'file_empty' },
    ]);
    const references = new Set((await liveDocuments(setup)).map((one) => one.reference));
    for (const one of live()) expect(references.has(one.id)).toBe(![large.id, empty.id, never.id].includes(one.id));
    // A day later it is a failure of its own.
    setup.world.tables.attachments.remove(never.id);
    setup.world.tables.attachments.add({ ...never, createdAt: never.createdAt - 2 * 24 * 3600 });
    setup.world.touch(setup.world.tables.attachments.need(never.id));
    await setup.run('incremental');
    expect((await failures()).find((one) => one.reference === never.id)).toMatchObject({
      code: 'attachment_unprocessed',
    });
    await expectNothingLeft(setup);
  });

  test('a run that is to retry what failed in another one leaves what waits for its time, though a person asked', async () => {
    attach('');
    expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'partial', counts: { failed: 1 } });
    const retry = () => runOnce(setup.connection, { mode: 'incremental', trigger: 'api', onlyDue: true });
    expect(await retry()).toMatchObject({ outcome: 'partial', counts: { failed: 0, waiting: 1 } });
    const { organizationId, id: connectionId } = setup.connection;
    expect(await setup.chartsync.runLists.retryFailures(organizationId, connectionId)).toBe(1);
    expect(await retry()).toMatchObject({ outcome: 'partial', counts: { failed: 1, waiting: 0 } });
    await expectNothingLeft(setup);
  });

  test('what the source has finished with is fetched, also when it does not count as changed', async () => {
    const slow = setup.world.attach(firstPatient().id, { filename: 'slow.pdf', readsUntilProcessed: 1 });
    expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'partial', counts: { waiting: 1 } });
    while (slow.processedAt === null) setup.world.readAttachment(slow);
    slow.updatedAt -= 7200;
    expect(await setup.run('incremental')).toMatchObject({ outcome: 'success', counts: { added: 1 } });
    await expectDocuments(setup);
  });

  test.each(['status500', 'html200', 'half-body', 'short', 'empty', 'same-page'] as const)(
    'the list answers %s: no document goes, the cursor stays, and the failure is told',
    async (kind) => {
      for (let i = 0; i < 120; i++) attach(`page ${i}`);
      await setup.run('comprehensive');
      const cursor = () =>
        setup.query("SELECT cursor_at, complete_items FROM stream_states WHERE stream = 'patient_attachments'");
      const before = [await cursor(), await liveDocuments(setup)];
      setup.simulator.faults.answers = [{ kind, resource: 'patient_attachments', page: kind === 'same-page' ? 1 : 2 }];
      expect(await setup.run('comprehensive')).toMatchObject({ outcome: 'partial', counts: { failed: 1, removed: 0 } });
      expect([await cursor(), await liveDocuments(setup)]).toEqual(before);
      expect(await setup.query("SELECT 1 FROM sync_failures WHERE unit = 'patient_attachments'")).toHaveLength(1);
    },
  );

  test('a store of files that is away is not asked for each of many, and the run says what waits', async () => {
    for (let i = 0; i < 60; i++) attach(`one of many: ${i}`);
    setup.simulator.faults.attachments.download = 'error';
    const result = await setup.run('comprehensive');
    expect(result.outcome).toBe('partial');
    expect(result.counts.failed + result.counts.waiting).toBe(live().length);
    expect(result.counts.waiting).toBeGreaterThan(40);
    setup.simulator.faults.attachments.download = 'ok';
    await setup.run('incremental');
    await expectDocuments(setup);
  });
});

test('a run that is cancelled while files come leaves what it stored, and the next one goes on', async () => {
  for (let i = 0; i < 80; i++) attach(`one of many: ${i}`);
  setup.simulator.faults.latencyMs = 30;
  const stop = new AbortController();
  const run = setup.run('comprehensive', stop.signal);
  await until(async () => (await liveDocuments(setup)).length > 0);
  stop.abort();
  expect(await run).toMatchObject({ state: 'cancelled' });
  await expectNothingLeft(setup);
  const before = await liveDocuments(setup);
  expect(before.length).toBeLessThan(live().length);
  setup.simulator.faults.latencyMs = 0;
  const fetched = downloads();
  const { connection } = await setup.reopen();
  expect(await runOnce(connection, { mode: 'incremental', trigger: 'manual' })).toMatchObject({ outcome: 'success' });
  await expectDocuments(setup);
  expect(downloads() - fetched).toBe(live().length - before.length);
});

test('a file is read, found and shown like any other document, by whoever may see its patient', async () => {
  const other = await setUpCliniko({
    account: { patients: 30, appointments: 5 },
    settings: { attachments: true },
    others: [{ id: 'org_other', name: 'Other', connections: [] }],
    sections: { limits: { retryDelay: '5ms', documentsAtOnce: 2 }, stores: { search: { kind: 'lancedb' } } },
  });
  const server = await serve({
    config: await loadConfig({ env: other.environment, cwd: other.environment.CHARTSYNC_HOME! }),
    database: { url: other.databaseUrl, urlOf: () => null, close: async () => undefined },
  });
  try {
    const patient = other.world.tables.patients.rows.find((one) => one.archivedAt === null && one.deletedAt === null)!;
    const bytes = Buffer.from('The marmalade of the patient was checked.\n');
    const file = { filename: 'Brief für Ärztin.txt', contentType: 'text/plain', description: 'Sample letter', bytes };
    const { id: reference } = other.world.attach(patient.id, file);
    expect(await other.run('comprehensive')).toMatchObject({ outcome: 'success' });
    const ask = async (method: string, path: string, organization = ORGANIZATION, body?: object) => {
      const response = await fetch(`${server.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${server.adminKey}`,
          'x-organization-id': organization,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, text: await response.text() };
    };
    const patients = await ask('GET', `/api/v1/patients?cliniko_patient_id=${patient.id}`);
    const uuid: string = JSON.parse(patients.text).patients[0].id;
    const own = async () =>
      JSON.parse((await ask('GET', `/api/patients/${uuid}/documents`)).text).documents.find(
        (one: { vsrxReference: string }) => one.vsrxReference === reference,
      );
    await until(async () => (await own())?.status === 'complete');
    const document = await own();
    expect(document).toMatchObject({ originalName: 'Brief für Ärztin.txt', sourceSystem: 'CLINIKO_SYNC' });
    expect((await ask('GET', `/api/documents/${document.silknoteDocumentUuid}`)).text).toBe(bytes.toString());
    const found = await ask('POST', `/api/patients/${uuid}/search`, ORGANIZATION, { query: 'marmalade' });
    expect(found.text).toContain(document.silknoteDocumentUuid);
    for (const path of [`/api/patients/${uuid}/documents`, `/api/documents/${document.silknoteDocumentUuid}`]) {
      expect((await ask('GET', path, 'org_other')).status).toBe(404);
    }

    // Where it is: the attachment is fetched and compared.
    const json = async (method: string, path: string) => JSON.parse((await ask(method, path)).text);
    const copies = () => json('GET', `/api/documents/${document.silknoteDocumentUuid}/copies`);
    const place = { store: 'source', place: reference };
    expect(await copies()).toMatchObject({
      agree: true,
      copies: [{ ...place, verdict: 'same', message: 'The attachment in Cliniko has the same content.' }, {}, {}, {}],
    });
    // How the patient keeps up, and a run that is followed to its end.
    expect(await json('GET', `/api/patients/${uuid}/sync`)).toMatchObject({ synchronised: true, problem: null });
    expect(await json('GET', `/api/sync/status/${uuid}`)).toMatchObject({
      counts: { sourceFiles: null, documents: 1, blobs: 1 },
      consistent: null,
    });
    const { syncIds } = await json('POST', `/api/patients/${uuid}/sync`);
    expect(syncIds).toHaveLength(1);
    const started = () => json('GET', `/api/patients/${uuid}/sync/${syncIds[0]}`);
    await until(async () => (await started()).state === 'completed');
    expect(await started()).toEqual({ syncId: syncIds[0], state: 'completed', outcome: 'success', problem: null });

    other.world.archiveAttachment(reference);
    expect(await copies()).toMatchObject({ agree: false, copies: [{ ...place, verdict: 'missing' }, {}, {}, {}] });
    expect(await other.run('comprehensive')).toMatchObject({ counts: { removed: 1 } });
    expect((await copies()).copies[0]).toMatchObject({ ...place, verdict: 'none' });
    expect((await ask('GET', `/api/documents/${document.silknoteDocumentUuid}`)).status).toBe(404);
    await until(async () => (await other.query('SELECT 1 FROM document_outbox')).length === 0);
    const gone = await ask('POST', `/api/patients/${uuid}/search`, ORGANIZATION, { query: 'marmalade' });
    expect(gone.text).not.toContain(document.silknoteDocumentUuid);
  } finally {
    await server.stop();
    await other.close();
  }
});
