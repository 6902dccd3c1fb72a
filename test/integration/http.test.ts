/** The HTTP interface as clients see it: a running server on a sample practice. */
import { readdir, readFile, readlink, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import pg from 'pg';
import Schema from 'typebox/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectedState } from '../../simulators/vsrx/oracle.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { DocumentRecord } from '../../src/ports/reports.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { cancelledWithin } from '../support/cancelled-within.ts';
import { runCli } from '../support/cli.ts';
import { type DescribedPaths, describedPaths } from '../support/description.ts';
import { holdSource } from '../support/hold-source.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice, storedState } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const EMPTY = 'org_without_connections';
const SEVERAL = 'org_with_several';
const NOBODY = '00000000-0000-4000-8000-000000000000';

let setup: PracticeSetup;
let server: RunningServer;
let key: string;
let documented: DescribedPaths;

beforeAll(async () => {
  setup = await setUpPractice();
  const file = JSON.parse(await readFile(setup.environment.CHARTSYNC_CONFIG, 'utf8'));
  const [connection] = file.organizations[0].connections;
  file.organizations.push(
    { id: EMPTY, name: 'Without', timeZone: 'UTC', connections: [] },
    {
      id: SEVERAL,
      name: 'Several',
      timeZone: 'UTC',
      connections: [
        { ...connection, id: 'north' },
        { ...connection, id: 'south' },
      ],
    },
  );
  // Limits have tests of their own; here one address asks more in a second than a person in a day.
  file.auth = {
    rateLimits: {
      requestsPerAddress: 'none',
      requestsPerKey: 'none',
      syncStartsPerKey: 'none',
      failedAuthenticationsPerAddress: 'none',
    },
  };
  await writeFile(setup.environment.CHARTSYNC_CONFIG, JSON.stringify(file));
  const config = await loadConfig({ env: setup.environment, cwd: setup.folder });
  server = await serve({
    config,
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
  key = server.adminKey;
  documented = describedPaths((await call('GET', '/openapi.json')).body);
});

afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape, which the tests look into
  readonly body: any;
}

async function call(
  method: string,
  path: string,
  options: { organization?: string; headers?: Record<string, string>; body?: string; authorize?: boolean } = {},
): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      ...(options.authorize === false ? {} : { authorization: `Bearer ${key}` }),
      'x-organization-id': options.organization ?? ORGANIZATION,
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: options.body }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const json = response.headers.get('content-type')?.startsWith('application/json') && bytes.length > 0;
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    body: json ? JSON.parse(bytes.toString()) : null,
  };
}

/** The answer is one that the OpenAPI document promises. */
function expectDocumented(method: string, route: string, answer: Answer): void {
  const response = documented[route]?.[method.toLowerCase()]?.responses[answer.status];
  expect(response, `${method} ${route} → ${answer.status} is described`).toBeDefined();
  const schema = response!.content?.['application/json']?.schema;
  if (schema === undefined) return;
  const [, errors] = Schema.Errors(schema, answer.body);
  expect(errors).toEqual([]);
}

function expectRefusal(answer: Answer, status: number, type?: string): void {
  expect(answer.status).toBe(status);
  expect(answer.body).toMatchObject({
    success: false,
    error: expect.stringMatching(/./),
    details: {
      error_type: type ?? expect.stringMatching(/./),
      error_code: type?.toUpperCase() ?? expect.stringMatching(/^[A-Z0-9_]+$/),
      message: expect.stringMatching(/./),
    },
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
  });
  expect([null, 'number']).toContain(
    answer.body.details.retry_after === null ? null : typeof answer.body.details.retry_after,
  );
  expect(answer.bytes.toString()).not.toMatch(/\bat .*\.ts:\d|node_modules|stack/);
}

const progress = async (syncId: string) => (await call('GET', `/api/v1/sync/progress/${syncId}`)).body;

async function someDocument(): Promise<DocumentRecord> {
  for await (const stored of setup.connection.ports.records.storedDocuments(setup.connection.settings)) {
    const document = await setup.chartsync.reports.document(ORGANIZATION, stored.documentUuid!);
    if (document?.mimeType === 'application/pdf') return document;
  }
  throw new Error('The sample has no PDF.');
}

describe('POST /api/sync/vsrx', () => {
  test('answers at once with the place of the progress', async () => {
    const release = await holdSource(setup.sourceUrl);
    try {
      const started = await call('POST', '/api/sync/vsrx');
      expect(started.status).toBe(202);
      expectDocumented('POST', '/api/sync/vsrx', started);
      const { syncId } = started.body;
      expect(started.body).toEqual({
        success: true,
        syncId: expect.stringMatching(/^sync_org_test_/),
        status: 'starting',
        statusUrl: `/api/v1/sync/progress/${syncId}`,
      });
      const second = await call('POST', '/api/sync/vsrx');
      expectRefusal(second, 409, 'connection_busy');
      expectDocumented('POST', '/api/sync/vsrx', second);
      expect(second.body).toMatchObject({ error: 'Sync already in progress', syncId });
      const patient = await call('POST', `/api/sync/vsrx/patient/${setup.practice.patientUuids[0]}`);
      expect(patient.body).toMatchObject({ error: 'Sync already in progress', syncId });
      const running = await call('GET', started.body.statusUrl);
      expectDocumented('GET', '/api/v1/sync/progress/{syncId}', running);
      expect(running.body).toMatchObject({ sync_id: syncId, completed_at: null, errors: [] });
      expect(['starting', 'running']).toContain(running.body.status);
      await release();
      await until(async () => (await progress(syncId)).completed_at !== null);
      const end = await call('GET', started.body.statusUrl);
      expectDocumented('GET', '/api/v1/sync/progress/{syncId}', end);
      expect(end.body).toMatchObject({ status: 'completed', progress_percentage: 100, partial_success: true });
      expect(end.body.counts.added).toBeGreaterThan(30);
    } finally {
      await release().catch(() => undefined);
    }
  });

  test('with wait=true: summary and errors, and the summary tells what happened', async () => {
    const row = await anyRow();
    await setup.source.execute('UPDATE ax_notes_attachments SET deleted = TRUE WHERE id = ?', [row.id]);
    const removed = await call('POST', '/api/sync/vsrx?wait=true');
    await setup.source.execute('UPDATE ax_notes_attachments SET deleted = FALSE WHERE id = ?', [row.id]);
    const added = await call('POST', '/api/sync/vsrx?wait=true');
    for (const answer of [removed, added]) {
      expect(answer.status).toBe(200);
      expectDocumented('POST', '/api/sync/vsrx', answer);
      expect(answer.body).toMatchObject({ success: true, status: 'completed', outcome: 'partial' });
      const { summary } = answer.body;
      expect(Date.parse(summary.endTime) - Date.parse(summary.startTime)).toBe(summary.duration);
      expect(summary.successfulSyncs + summary.partialSyncs + summary.failedSyncs).toBe(summary.totalFilesets);
      expect(summary.totalErrors).toBe(answer.body.errors.length);
      for (const error of answer.body.errors) {
        expect(error).toMatchObject({ operation: 'add', fileName: '', retryCount: expect.any(Number) });
      }
    }
    expect(removed.body.summary).toMatchObject({ totalFilesAdded: 0, totalFilesDeleted: 1 });
    expect(added.body.summary).toMatchObject({ totalFilesAdded: 1, totalFilesDeleted: 0 });
    // What had failed in the run before has been tried once more.
    const retries = (answer: typeof added) =>
      new Map<string, number>(
        answer.body.errors.map((e: { fileId: string; retryCount: number }) => [e.fileId, e.retryCount]),
      );
    for (const [fileId, count] of retries(removed)) {
      if (fileId !== '') expect(retries(added).get(fileId), fileId).toBe(count + 1);
    }
    const codes = new Set(added.body.errors.map((error: { code: string }) => error.code));
    expect([...codes]).toEqual(expect.arrayContaining(['file_missing', 'file_empty', 'file_path_refused']));
  });

  test('one patient', async () => {
    const { unit, id } = await anyRow();
    await setup.source.execute('UPDATE ax_notes_attachments SET deleted = TRUE WHERE id = ?', [id]);
    const answer = await call('POST', `/api/sync/vsrx/patient/${unit.toUpperCase()}?wait=true`);
    await setup.source.execute('UPDATE ax_notes_attachments SET deleted = FALSE WHERE id = ?', [id]);
    expect(answer.status).toBe(200);
    expectDocumented('POST', '/api/sync/vsrx/patient/{patientId}', answer);
    expect(answer.body).toMatchObject({ success: true, patientUuid: unit, filesAdded: 0, filesDeleted: 1 });
    expect(['success', 'partial']).toContain(answer.body.status);
    expect((await call('POST', `/api/sync/vsrx/patient/${unit}?wait=true`)).body.filesAdded).toBe(1);
  });

  test('several connections must be named, none is 404, an unknown one too', async () => {
    const several = await call('POST', '/api/sync/vsrx', { organization: SEVERAL });
    expectRefusal(several, 400, 'invalid_request');
    expectDocumented('POST', '/api/sync/vsrx', several);
    expect(several.body.error).toContain('north, south');
    expectRefusal(await call('POST', '/api/sync/vsrx', { organization: EMPTY }), 404, 'not_found');
    expectRefusal(await call('POST', `/api/sync/vsrx/patient/${NOBODY}`, { organization: EMPTY }), 404, 'not_found');
    expectRefusal(await call('POST', '/api/sync/vsrx?connection=west', { organization: SEVERAL }), 404, 'not_found');
    // The other organisation's connection has this name.
    expectRefusal(await call('POST', `/api/sync/vsrx?connection=${CONNECTION}`, { organization: SEVERAL }), 404);
  });

  test('a run that fails is no success', async () => {
    await withoutShare(async () => {
      const answer = await call('POST', '/api/sync/vsrx?wait=true');
      expectRefusal(answer, 502, 'share_unavailable');
      expectDocumented('POST', '/api/sync/vsrx', answer);
      expect(await progress(answer.body.syncId)).toMatchObject({
        status: 'failed',
        errors: [{ code: 'share_unavailable' }],
      });
    });
  });
});

describe('DELETE /api/v1/sync/cancel/:id', () => {
  const cancelled = async (start: () => Promise<string>) => {
    const release = await holdSource(setup.sourceUrl);
    try {
      const syncId = await start();
      await until(async () => (await progress(syncId)).status === 'running');
      const answer = await call('DELETE', `/api/v1/sync/cancel/${syncId}`);
      expect(answer.body).toMatchObject({ message: 'Sync cancellation requested', sync_id: syncId });
      expectDocumented('DELETE', '/api/v1/sync/cancel/{syncId}', answer);
      await until(async () => (await progress(syncId)).status === 'cancelled');
      expect(await cancelledWithin(setup.environment.DATABASE_URL, syncId)).toBeLessThan(2000);
      const late = await call('DELETE', `/api/v1/sync/cancel/${syncId}`);
      expectDocumented('DELETE', '/api/v1/sync/cancel/{syncId}', late);
      expect(late.body).toMatchObject({ message: 'Sync already completed', sync_id: syncId, status: 'cancelled' });
    } finally {
      await release();
    }
  };

  test('a run of this server stops within two seconds', () =>
    cancelled(async () => (await call('POST', '/api/sync/vsrx')).body.syncId));

  test('so does a run of another process', async () => {
    let ended: ReturnType<typeof runCli> | undefined;
    await cancelled(async () => {
      const known = new Set((await runIds()).map((run) => run));
      ended = runCli(['sync', CONNECTION, '--json'], { cwd: setup.folder, env: setup.environment });
      let own: string | undefined;
      await until(async () => {
        own = (await runIds()).find((run) => !known.has(run));
        return own !== undefined;
      });
      return own!;
    });
    expect((await ended!).code).toBe(1);
    expect((await ended!).stderr).toContain('"code":"cancelled"');
  });

  test('unknown runs, and those of another organisation, are not found', async () => {
    const [run] = await runIds();
    for (const answer of [
      await call('DELETE', '/api/v1/sync/cancel/sync_unknown'),
      await call('GET', '/api/v1/sync/progress/sync_unknown'),
      await call('DELETE', `/api/v1/sync/cancel/${run}`, { organization: EMPTY }),
      await call('GET', `/api/v1/sync/progress/${run}`, { organization: EMPTY }),
    ]) {
      expectRefusal(answer, 404, 'not_found');
      expect(answer.body.error).toBe('Sync not found');
    }
  });
});

describe('GET /api/sync/status/:patientId', () => {
  const status = (patient: string) => call('GET', `/api/sync/status/${patient}`);

  test('counts what the stores really hold', async () => {
    const stored = await storedState(setup.connection);
    const expected = await expectedState(setup.source, setup.filesFolder);
    for (const [patient, documents] of Object.entries(stored)) {
      const answer = await status(patient);
      expect(answer.status).toBe(200);
      expectDocumented('GET', '/api/sync/status/{patientId}', answer);
      const sourceFiles = expected.patients.get(patient)!.size;
      const held = Object.keys(documents).length;
      expect(answer.body.counts).toEqual({ sourceFiles, documents: held, blobs: held, vectorStoreFiles: null });
      expect(answer.body).toMatchObject({ patientUuid: patient, surplus: [], consistent: sourceFiles === held });
      expect(answer.body.missing).toHaveLength(sourceFiles - held);
      expect(answer.body.errors).toHaveLength(sourceFiles - held);
      expect(answer.body.status).toBe(sourceFiles === held ? 'success' : 'partial');
    }
  });

  test('a lost blob is missed', async () => {
    const document = await someDocument();
    const blob = blobFile(document.sha256);
    await rename(blob, `${blob}.away`);
    const answer = await status(document.patientUuid);
    await rename(`${blob}.away`, blob);
    expect(answer.body.consistent).toBe(false);
    expect(answer.body.counts.blobs).toBeLessThan(answer.body.counts.documents);
    expect(answer.body.missing).toContainEqual(expect.objectContaining({ store: 'blob', code: 'blob_missing' }));
  });

  test('nobody knows the patient', async () => {
    for (const name of [NOBODY, 'zoe', '%00', `${NOBODY}x`]) {
      expectRefusal(await status(name), 404, 'not_found');
    }
    const known = setup.practice.patientUuids[0]!;
    expectRefusal(await call('GET', `/api/sync/status/${known}`, { organization: EMPTY }), 404, 'not_found');
  });

  test('without the share nothing is known, and nothing is zero', async () => {
    const { patientUuid } = await someDocument();
    await withoutShare(async () => {
      const answer = await status(patientUuid);
      expect(answer.status).toBe(200);
      expectDocumented('GET', '/api/sync/status/{patientId}', answer);
      expect(answer.body).toMatchObject({
        counts: { sourceFiles: null, documents: null, blobs: null, vectorStoreFiles: null },
        consistent: null,
        sourceError: { code: 'share_unavailable' },
      });
      expect(Date.parse(answer.body.lastSyncAttempt)).toBeGreaterThan(0);
    });
  });

  test('without the source database neither', async () => {
    const { patientUuid } = await someDocument();
    await setup.source.execute('ALTER TABLE ax_notes_attachments RENAME TO elsewhere');
    try {
      const answer = await status(patientUuid);
      expect(answer.status).toBe(200);
      expect(answer.body.counts).toEqual({ sourceFiles: null, documents: null, blobs: null, vectorStoreFiles: null });
      expect(answer.body).toMatchObject({ consistent: null, sourceError: { code: 'source_mapping' } });
      // Of a patient that only the source may know, "no such patient" cannot be said.
      const unknown = await status(NOBODY);
      expect(unknown.body).toMatchObject({ counts: { sourceFiles: null }, status: 'never_synced' });
    } finally {
      await setup.source.execute('ALTER TABLE elsewhere RENAME TO ax_notes_attachments');
    }
  });
});

describe('/api/patients/:uuid/sync', () => {
  const sync = async (patient: string) => {
    const answer = await call('GET', `/api/patients/${patient}/sync`);
    expect(answer.status).toBe(200);
    expectDocumented('GET', '/api/patients/{uuid}/sync', answer);
    return answer.body;
  };
  const run = async (patient: string, syncId: string) => {
    const answer = await call('GET', `/api/patients/${patient}/sync/${syncId}`);
    expectDocumented('GET', '/api/patients/{uuid}/sync/{syncId}', answer);
    return answer;
  };
  const start = async (patient: string) => {
    const answer = await call('POST', `/api/patients/${patient}/sync`);
    expectDocumented('POST', '/api/patients/{uuid}/sync', answer);
    const [syncId] = answer.body.syncIds;
    await until(async () => !['queued', 'starting', 'running'].includes((await run(patient, syncId)).body.state));
    return (await run(patient, syncId)).body;
  };

  test('a run of the patient is followed to its end, and tells when it was looked at', async () => {
    const { patientUuid } = await quietDocument();
    const before = await sync(patientUuid);
    const { syncId, ...end } = await start(patientUuid);
    expect(end).toEqual({ state: 'completed', outcome: 'success', problem: null });
    const after = await sync(patientUuid);
    expect(after).toMatchObject({ running: false, problem: null, errors: [] });
    expect(Date.parse(after.lastSuccessfulSync)).toBeGreaterThan(Date.parse(before.lastSuccessfulSync));
    // It is a run of this patient, and of no other one.
    const other = setup.practice.patientUuids.find((uuid) => uuid !== patientUuid)!;
    expectRefusal(await run(other, syncId), 404, 'not_found');
    expectRefusal(await run(patientUuid, 'sync_org_test_1'), 404, 'not_found');
  });

  test('a source that does not answer is told, until a run has read it again', async () => {
    const { patientUuid } = await quietDocument();
    await withoutShare(async () => {
      const problem = { code: 'share_unavailable', message: expect.any(String), remedy: expect.any(String) };
      expect(await start(patientUuid)).toMatchObject({ state: 'failed', outcome: 'failed', problem });
      expect(await sync(patientUuid)).toMatchObject({ problem });
    });
    await start(patientUuid);
    expect(await sync(patientUuid)).toMatchObject({ problem: null });
  });

  /** Of a patient of whom nothing fails. */
  async function quietDocument(): Promise<DocumentRecord> {
    const failing = new Set(
      (await setup.connection.ports.runs.openFailures(setup.connection.settings)).map((f) => f.unit),
    );
    for await (const stored of setup.connection.ports.records.storedDocuments(setup.connection.settings)) {
      if (failing.has(stored.unit)) continue;
      const document = await setup.chartsync.reports.document(ORGANIZATION, stored.documentUuid!);
      if (document !== null) return document;
    }
    throw new Error('Something fails for every patient.');
  }
});

describe('GET /api/documents/:id', () => {
  const path = (document: DocumentRecord) => `/api/documents/${document.documentUuid}`;

  test('gives the very bytes, their type, and a tag to come back with', async () => {
    for await (const stored of setup.connection.ports.records.storedDocuments(setup.connection.settings)) {
      const answer = await call('GET', `/api/documents/${stored.documentUuid}`);
      expect(answer.status).toBe(200);
      const record = await setup.chartsync.reports.document(ORGANIZATION, stored.documentUuid!);
      const bytes = await readFile(join(setup.filesFolder, stored.path!));
      expect(answer.bytes.equals(bytes)).toBe(true);
      expect(answer.headers.get('content-type')).toBe(record!.mimeType);
      expect(answer.headers.get('content-length')).toBe(String(bytes.length));
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    }
    const document = await someDocument();
    const first = await call('GET', path(document));
    const etag = first.headers.get('etag')!;
    for (const tag of [etag, `"other", ${etag}`, `W/${etag}`, '*']) {
      const again = await call('GET', path(document), { headers: { 'if-none-match': tag } });
      expect({ tag, status: again.status, length: again.bytes.length }).toEqual({ tag, status: 304, length: 0 });
      expect(again.headers.get('etag')).toBe(etag);
    }
    expect((await call('GET', path(document), { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });

  test('HEAD tells size and type without the content', async () => {
    const document = await someDocument();
    const answer = await call('HEAD', path(document));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-length')).toBe(String(document.sizeBytes));
    expect(answer.headers.get('content-type')).toBe('application/pdf');
    const etag = answer.headers.get('etag')!;
    expect((await call('HEAD', path(document), { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await call('HEAD', `/api/documents/${NOBODY}`)).status).toBe(404);
  });

  test("another patient's, another organisation's and no document look the same", async () => {
    const document = await someDocument();
    const other = setup.practice.patientUuids.find((uuid) => uuid !== document.patientUuid)!;
    const own = { 'x-silknote-patient-uuid': document.patientUuid.toUpperCase() };
    expect((await call('GET', path(document), { headers: own })).status).toBe(200);
    const refusals = [
      await call('GET', path(document), { headers: { 'x-silknote-patient-uuid': other } }),
      await call('GET', path(document), { headers: { 'x-silknote-patient-uuid': '' } }),
      await call('GET', path(document), { organization: EMPTY }),
      await call('GET', path(document), { organization: SEVERAL }),
      await call('GET', `/api/documents/${NOBODY}`),
      await call('GET', '/api/documents/not-a-uuid'),
    ];
    for (const answer of refusals) {
      expectRefusal(answer, 404, 'not_found');
      expectDocumented('GET', '/api/documents/{documentId}', answer);
      expect(answer.body.error).toBe('No such document.');
      expect(answer.headers.get('etag')).toBeNull();
      expect(answer.headers.get('content-disposition')).toBeNull();
    }
  });

  test('a download that is broken off leaves nothing open', async () => {
    const document = await someDocument();
    const blob = blobFile(document.sha256);
    const whole = await readFile(blob);
    // Far more than the buffers on the way hold, so that the server is in the middle of it.
    await truncate(blob, 64 * 1024 * 1024);
    try {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      socket.write(
        `GET ${path(document)} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${key}\r\nX-Organization-ID: ${ORGANIZATION}\r\n\r\n`,
      );
      await new Promise((resolve) => socket.once('data', resolve));
      socket.pause();
      expect(await openFiles(blob)).toBe(1);
      socket.destroy();
      await until(async () => (await openFiles(blob)) === 0);
    } finally {
      await writeFile(blob, whole);
    }
    expect((await call('GET', path(document))).bytes.equals(whole)).toBe(true);
  });

  test('a blob that is lost or damaged is never given out as the document', async () => {
    const document = await someDocument();
    const blob = blobFile(document.sha256);
    const whole = await readFile(blob);
    await rm(blob);
    const lost = await call('GET', path(document));
    expectRefusal(lost, 404, 'blob_missing');
    expect(lost.headers.get('etag')).toBeNull();
    expect((await call('HEAD', path(document))).status).toBe(404);
    const damaged = Buffer.from(whole);
    damaged[damaged.length - 1]! ^= 1;
    await writeFile(blob, damaged);
    const damagedAnswer = await call('GET', path(document)).catch(() => null);
    // Refused before the first byte, or broken off before the last: never 200 with a whole body.
    expect(damagedAnswer?.status ?? 500).toBe(500);
    await writeFile(blob, whole);
  });
});

describe('who may ask', () => {
  const routes = [
    ['POST', '/api/sync/vsrx'],
    ['POST', `/api/sync/vsrx/patient/${NOBODY}`],
    ['GET', `/api/sync/status/${NOBODY}`],
    ['GET', `/api/documents/${NOBODY}`],
    ['HEAD', `/api/documents/${NOBODY}`],
    ['GET', '/api/v1/sync/progress/x'],
    ['DELETE', '/api/v1/sync/cancel/x'],
    ['GET', '/api/v1/keys'],
    ['POST', '/api/v1/keys'],
    ['DELETE', '/api/v1/keys/x'],
    ['POST', '/api/v1/keys/x/rotate'],
    ['GET', '/api/v1/audit'],
    ['GET', '/no-such-route'],
  ] as const;

  test.each(routes)('%s %s wants a key', async (method, path) => {
    const answer = await call(method, path, { authorize: false });
    expect(answer.status).toBe(401);
    if (method !== 'HEAD') expectRefusal(answer, 401, 'unauthorised');
  });

  test.each([
    ['a wrong key', { authorization: 'Bearer wrong-key-0123456789' }],
    ['an empty one', { authorization: 'Bearer ' }],
    ['no scheme', { authorization: 'test-administrator-key-0123456789' }],
    ['another scheme', { authorization: 'Basic dGVzdDp0ZXN0' }],
    ['an empty X-API-Key', { 'x-api-key': '' }],
    ['a wrong X-API-Key', { 'x-api-key': 'wrong' }],
    ['a part of the key', { 'x-api-key': 'test-administrator-key-012345678' }],
  ])('%s is refused', async (_, headers: Record<string, string>) => {
    const answer = await call('GET', '/api/v1/sync/progress/x', { authorize: false, headers });
    expectRefusal(answer, 401, 'unauthorised');
    expectDocumented('GET', '/api/v1/sync/progress/{syncId}', answer);
  });

  test('both headers carry the key', async () => {
    for (const headers of [{ authorization: `bearer ${key}` }, { 'x-api-key': key }]) {
      expectRefusal(await call('GET', '/api/v1/sync/progress/x', { authorize: false, headers }), 404, 'not_found');
    }
  });

  test('the organisation must be named and known', async () => {
    expectRefusal(await call('POST', '/api/sync/vsrx', { organization: 'org_unknown' }), 404, 'not_found');
    expectRefusal(await call('POST', '/api/sync/vsrx', { organization: '' }), 400, 'invalid_request');
    const response = await fetch(`${server.url}/api/sync/vsrx`, { method: 'POST', headers: { 'x-api-key': key } });
    expect(response.status).toBe(400);
  });
});

describe('bad input', () => {
  const json = { 'content-type': 'application/json' };
  test.each([
    ['broken JSON', 'POST', '/api/sync/vsrx', { headers: json, body: '{"wait":' }, 400],
    ['a huge body', 'POST', '/api/sync/vsrx', { headers: json, body: `"${'x'.repeat(2 * 1024 * 1024)}"` }, 413],
    ['an unknown content type', 'POST', '/api/sync/vsrx', { headers: { 'content-type': 'a/b' }, body: 'x' }, 415],
    ['wait is no boolean', 'POST', '/api/sync/vsrx?wait=perhaps', {}, 400],
    ['wait twice', 'POST', '/api/sync/vsrx?wait=true&wait=false', {}, 400],
    ['an unknown mode', 'POST', '/api/sync/vsrx?mode=everything', {}, 400],
    ['an unknown parameter', 'POST', '/api/sync/vsrx?waits=true', {}, 400],
    ['a long connection', 'POST', `/api/sync/vsrx?connection=${'x'.repeat(5000)}`, {}, 400],
    ['a NUL as connection', 'POST', '/api/sync/vsrx?connection=%00', {}, 404],
    ['a NUL as document', 'GET', '/api/documents/%00', {}, 404],
    ['a NUL as second id', 'GET', `/api/patients/${NOBODY}/files/%00`, {}, 404],
    ['a NUL as group', 'GET', `/api/patients/${NOBODY}/groups/%00`, {}, 404],
    ['a NUL as run', 'GET', '/api/v1/sync/progress/sync_%00', {}, 404],
    ['a NUL to cancel', 'DELETE', '/api/v1/sync/cancel/%00', {}, 404],
    ['half a surrogate', 'GET', '/api/documents/%ED%A0%80', {}, 400],
    ['odd Unicode', 'GET', '/api/v1/sync/progress/%F0%9F%A9%BB%E2%80%AE%C3%BC', {}, 404],
    ['an SQL text', 'GET', "/api/v1/sync/progress/x'%20OR%20'1'='1", {}, 404],
    ['a bad escape', 'GET', '/api/documents/%zz', {}, 400],
    ['a way out', 'GET', '/api/documents/..%2f..%2fetc%2fpasswd', {}, 404],
    ['a long document', 'GET', `/api/documents/${'a'.repeat(5000)}`, {}, 414],
    ['a long run', 'GET', `/api/v1/sync/progress/${'a'.repeat(190)}`, {}, 400],
    ['another method', 'PUT', '/api/sync/vsrx', {}, 404],
    ['Unicode in a header', 'GET', `/api/documents/${NOBODY}`, { headers: { 'x-silknote-patient-uuid': 'ü' } }, 404],
  ] as const)('%s', async (_, method, path, options, status) => {
    expectRefusal(await call(method, path, options), status);
  });

  test.each([
    ['what is not HTTP', 'HELO practice\r\n\r\n', 400],
    ['a header beyond all measure', `GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`, 431],
  ])('%s', async (_, text, status) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(text);
    let said = '';
    for await (const chunk of socket) said += chunk;
    expect(said).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(said.slice(said.indexOf('{')))).toMatchObject({
      success: false,
      details: { error_type: 'invalid_request', retry_after: null },
    });
  });

  test('an empty JSON body is no body', async () => {
    const answer = await call('POST', '/api/sync/vsrx?wait=true', { headers: json, body: '' });
    expect(answer.status).toBe(200);
  });
});

describe('the description of the interface', () => {
  test('is valid OpenAPI 3.1 and describes every answer', async () => {
    const { body } = await call('GET', '/openapi.json');
    const validator = new Validator();
    expect(await validator.validate(body)).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
    const names = new Set<string>();
    for (const [path, methods] of Object.entries(documented)) {
      for (const [method, operation] of Object.entries(methods)) {
        expect(operation, `${method} ${path}`).toMatchObject({
          summary: expect.stringMatching(/./),
          operationId: expect.stringMatching(/./),
          tags: [expect.stringMatching(/./)],
        });
        names.add(operation.operationId);
        // What wants a language model has no other answer than that; a sign-in elsewhere begins and ends with a redirect.
        expect(Object.keys(operation.responses).some((status) => /^2|^302$|^501$/.test(status))).toBe(true);
        for (const response of Object.values(operation.responses)) {
          expect(response.description).not.toBe('Default Response');
        }
      }
    }
    expect(names.size).toBe(Object.values(documented).flatMap((methods) => Object.keys(methods)).length);
  });

  test('tells a person how to begin, and what each group of routes is about', async () => {
    const { body } = await call('GET', '/openapi.json');
    for (const word of ['X-API-Key', 'X-Organization-ID', 'error_type', 'Retry-After']) {
      expect(body.info.description).toContain(word);
    }
    expect(body.servers).toEqual([{ url: '/' }]);
    const groups = Object.values(documented).flatMap((methods) => Object.values(methods).flatMap(({ tags }) => tags));
    expect(body.tags.map(({ name }: { name: string }) => name).sort()).toEqual([...new Set(groups)].sort());
    for (const { description } of body.tags) expect(description).toMatch(/\.$/);
  });

  test('says once what a refusal looks like', async () => {
    const { body } = await call('GET', '/openapi.json');
    const paths = body.paths as Record<string, Record<string, { responses: Record<string, object> }>>;
    const refusals = Object.entries(paths)
      // FHIR has its own shape of a refusal.
      .filter(([path]) => !['/health', '/ready'].includes(path) && !path.startsWith('/fhir/'))
      // A place that is gone is an answer of the booking desk, with the booking.
      .flatMap(([path, methods]) => Object.values(methods).map(({ responses }) => ({ path, responses })))
      .flatMap(({ path, responses }) =>
        Object.entries(responses).filter(([status]) => status !== '409' || !/\/(holds|confirm|cancel)$/.test(path)),
      )
      .filter(([status]) => Number(status) >= 400);
    expect(refusals.length).toBeGreaterThan(300);
    for (const [status, refusal] of refusals) {
      expect(refusal, status).toEqual({ $ref: expect.stringMatching(/^#\/components\/responses\/[A-Z]\w+$/) });
    }
    expect(Object.keys(body.components.schemas)).toContain('Refusal');
  });
});

test('/ tells a person what this is, without a key and without anything of what it holds', async () => {
  const answer = await fetch(`${server.url}/`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
  const page = await answer.text();
  expect(page).toContain('Chartsync');
  expect(page).not.toContain(ORGANIZATION);
  expect(page).not.toContain(key);
});

describe('/health and /ready', () => {
  test('need no key', async () => {
    const health = await call('GET', '/health', { authorize: false });
    expect(health.body).toMatchObject({
      status: 'healthy',
      service: 'chartsync',
      version: expect.stringMatching(/^\d/),
    });
    expect(health.body.checks.map((c: { name: string; status: string }) => `${c.name} ${c.status}`)).toEqual([
      'process pass',
      'memory pass',
      'database pass',
      'sync_queue pass',
      'environment pass',
    ]);
    const ready = await call('GET', '/ready', { authorize: false });
    expect(ready.body).toMatchObject({ ready: true, status: 'ready', database: 'ok' });
    expectDocumented('GET', '/health', health);
    expectDocumented('GET', '/ready', ready);
  });

  test('the database is gone: unhealthy, not ready, and every route says 503', async () => {
    const { patientUuid, documentUuid } = await someDocument();
    const away = await withoutRecordDatabase(async () => {
      // An answer is kept for a second.
      await until(async () => (await call('GET', '/ready', { authorize: false })).status === 503);
      const health = await call('GET', '/health');
      expect(health.status).toBe(503);
      expectDocumented('GET', '/health', health);
      expect(health.body.status).toBe('unhealthy');
      const ready = await call('GET', '/ready', { authorize: false });
      expect(ready.status).toBe(503);
      expectDocumented('GET', '/ready', ready);
      expect(ready.body).toMatchObject({ ready: false, status: 'not ready', database: 'unavailable' });
      return [
        await call('GET', `/api/documents/${documentUuid}`),
        await call('GET', `/api/sync/status/${patientUuid}`),
        await call('POST', '/api/sync/vsrx'),
        await call('GET', '/api/v1/sync/progress/sync_x'),
        await call('DELETE', '/api/v1/sync/cancel/sync_x'),
      ];
    });
    for (const answer of away) expectRefusal(answer, 503, 'database_unavailable');
    await until(async () => (await call('GET', '/ready')).status === 200);
    expect((await call('GET', `/api/documents/${documentUuid}`)).status).toBe(200);
  });
});

function blobFile(sha256: string): string {
  return join(setup.config.home, 'blobs', ORGANIZATION, sha256.slice(0, 2), sha256);
}

/** How often this process has the file open. */
async function openFiles(path: string): Promise<number> {
  const open = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return open.filter((target) => target === path).length;
}

async function runIds(): Promise<string[]> {
  return (await setup.chartsync.runs.runs({ organizationId: ORGANIZATION }, 100)).map((run) => run.id);
}

async function anyRow(): Promise<{ id: number; unit: string }> {
  for await (const stored of setup.connection.ports.records.storedDocuments(setup.connection.settings)) {
    const [row] = await setup.source.execute<{ id: number }>(
      'SELECT id FROM ax_notes_attachments WHERE lower(file_uuid) = ?',
      [stored.reference],
    );
    if (row !== undefined) return { id: row.id, unit: stored.unit };
  }
  throw new Error('Nothing is stored.');
}

async function withoutShare(work: () => Promise<void>): Promise<void> {
  await rename(setup.filesFolder, `${setup.filesFolder}-away`);
  try {
    await work();
  } finally {
    await rename(`${setup.filesFolder}-away`, setup.filesFolder);
  }
}

/** The database gets another name, as far as everybody else is concerned: it is gone. */
async function withoutRecordDatabase<T>(work: () => Promise<T>): Promise<T> {
  const url = new URL(setup.environment.DATABASE_URL);
  const name = url.pathname.slice(1);
  url.pathname = '/postgres';
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  try {
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    await until(async () => {
      const left = await admin.query('SELECT 1 FROM pg_stat_activity WHERE datname = $1', [name]);
      return left.rowCount === 0;
    });
    await admin.query(`ALTER DATABASE ${name} RENAME TO ${name}_away`);
    try {
      return await work();
    } finally {
      await admin.query(`ALTER DATABASE ${name}_away RENAME TO ${name}`);
      await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    }
  } finally {
    await admin.end();
  }
}
