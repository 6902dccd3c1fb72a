/** News of a patient's documents over event streams and sockets, from whichever process; and tokens for one patient only. */
import pg from 'pg';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type RunningServer, serve } from '../../src/server.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { createDocumentEvents } from '../../src/stores/postgres/document-events.ts';
import { askService } from '../support/ask-service.ts';
import { type EventReader, readEvents } from '../support/event-stream.ts';
import { NOBODY, setUpTwoPractices, type Tenant, type TwoPractices } from '../support/two-practices.ts';
import { until } from '../support/until.ts';

let practices: TwoPractices;
let one: Tenant;
let other: Tenant;
/** Another process on the same stores would be no different: it shares nothing but the database. */
let second: RunningServer;
let openedDatabase: Database;
const sockets: Socket[] = [];
const readers: EventReader[] = [];

beforeAll(async () => {
  practices = await setUpTwoPractices();
  ({ one, other } = practices);
  openedDatabase = openDatabase({ url: practices.databaseUrl, poolSize: 2 });
  second = await serve({
    config: practices.server.chartsync.config,
    database: { url: practices.databaseUrl, urlOf: () => null, close: async () => undefined },
    role: 'api',
  });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.disconnect();
  for (const reader of readers.splice(0)) reader.close();
});
afterAll(async () => {
  await second?.stop();
  await openedDatabase?.close();
  await practices?.close();
});

const ask = (secret: string, method: string, path: string, body?: FormData | object) =>
  askService(practices.server.url, secret, method, path, body);

async function bring(tenant: Tenant, clientFileId: string, secret = tenant.secret): Promise<string> {
  const form = new FormData();
  form.append('clientFileId', clientFileId);
  form.append('file', new Blob([`A letter, ${clientFileId}.`]), `${clientFileId}.txt`);
  const { status, json } = await ask(secret, 'POST', `/api/patients/${tenant.ids.patient}/process`, form);
  expect(status).toBe(202);
  return json.documents[0].documentUuid;
}

async function watch(tenant: Tenant, lastEventId?: string, secret = tenant.secret): Promise<EventReader> {
  const reader = await readEvents(`${second.url}/api/patients/${tenant.ids.patient}/events`, {
    authorization: `Bearer ${secret}`,
    ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
  });
  readers.push(reader);
  return reader;
}

interface Connected {
  readonly socket: Socket;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  readonly heard: { event: string; data: any }[];
}

async function connect(auth: Record<string, unknown>): Promise<Connected> {
  const socket = io(second.url, { auth, forceNew: true, reconnection: false });
  sockets.push(socket);
  const heard: Connected['heard'] = [];
  socket.onAny((event: string, data: unknown) => heard.push({ event, data }));
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return { socket, heard };
}

const join = ({ socket }: Connected, uuid: unknown) => socket.emitWithAck('joinPatientRoom', uuid);

async function componentToken(tenant: Tenant, body: object = {}, secret = tenant.secret) {
  return ask(secret, 'POST', `/api/patients/${tenant.ids.patient}/component-token`, body);
}

test('a stream tells what happens to the documents of its patient, goes on where it was left, and of nobody else', async () => {
  const reader = await watch(one);
  const foreign = await watch(other);
  await reader.next('ready');
  await foreign.next('ready');
  const documentUuid = await bring(one, 'events-1');
  const status = await reader.next('fileStatus');
  expect(status.data).toEqual({
    clientFileId: 'events-1',
    silknoteDocumentUuid: documentUuid,
    silknotePatientUuid: one.ids.patient,
    status: 'queued',
    stage: null,
    processingStage: null,
  });
  reader.close();
  expect((await ask(one.secret, 'DELETE', `/api/documents/${documentUuid}`)).status).toBe(204);
  const again = await watch(one, status.id);
  const deleted = await again.next('fileDeleted');
  expect(deleted.data).toMatchObject({ clientFileId: 'events-1', silknoteDocumentUuid: documentUuid });
  // Nothing is told twice.
  expect(again.events.filter(({ event }) => event === 'fileStatus')).toEqual([]);
  const ofOther = await bring(other, 'events-2');
  expect((await foreign.next('fileStatus')).data.silknoteDocumentUuid).toBe(ofOther);
  expect(JSON.stringify(foreign.events)).not.toContain(one.ids.patient);
  expect(JSON.stringify(again.events)).not.toContain(ofOther);
});

test('news wait for what began before them in this database, and for nothing of another one', async () => {
  const events = createDocumentEvents(openedDatabase);
  const patient = { organizationId: one.ids.organization, patientUuid: one.ids.patient };
  const news = async (place: string) => (await events.since([{ ...patient, place }]))[0]!.events;
  const elsewhere = new pg.Client({
    connectionString: Object.assign(new URL(practices.databaseUrl), { pathname: '/postgres' }).href,
  });
  const here = new pg.Client({ connectionString: practices.databaseUrl });
  await Promise.all([elsewhere.connect(), here.connect()]);
  try {
    await elsewhere.query('BEGIN');
    await elsewhere.query('SELECT pg_current_xact_id()');
    const before = await events.now();
    const first = await bring(one, 'beside-another-database');
    await until(async () => (await news(before)).some(({ documentUuid }) => documentUuid === first));

    const begun = await events.now();
    await here.query('BEGIN');
    await here.query(
      `UPDATE silknote_documents SET "updatedAt" = now(), stage = 'categorizing'
       WHERE "silknoteDocumentUuid" = $1`,
      [first],
    );
    const second = await bring(one, 'after-what-began-before');
    expect(await news(begun)).toEqual([]);
    await here.query('COMMIT');
    await until(async () => (await news(begun)).some(({ documentUuid }) => documentUuid === second));
    const [earliest] = await news(begun);
    expect(earliest).toMatchObject({ documentUuid: first, stage: 'categorizing' });
  } finally {
    await Promise.all([elsewhere.end(), here.end()]);
  }
});

test('that a case summary is another one is told, whoever wrote it, and nothing of what it says', async () => {
  const reader = await watch(one);
  const foreign = await watch(other);
  await reader.next('ready');
  await foreign.next('ready');
  const connected = await connect({ token: one.secret });
  await join(connected, one.ids.patient);
  const path = `/api/patients/${one.ids.patient}/case-summary`;
  const told = { silknotePatientUuid: one.ids.patient };
  const heard = () => reader.events.filter(({ event }) => event === 'caseSummaryChanged');
  expect((await ask(one.secret, 'PUT', path, { caseSummary: { text: 'Torn meniscus.' } })).status).toBe(204);
  expect((await reader.next('caseSummaryChanged')).data).toEqual(told);
  await until(() => connected.heard.length > 0);
  expect(connected.heard).toEqual([{ event: 'caseSummaryChanged', data: told }]);
  // The same once more is no news; another program beside Chartsync is.
  expect((await ask(one.secret, 'PUT', path, { caseSummary: { text: 'Torn meniscus.' } })).status).toBe(204);
  const database = new pg.Client({ connectionString: practices.databaseUrl });
  await database.connect();
  await database.query(
    `UPDATE silknote_patient_filesets SET "caseSummaryJson" = '{"text":"Healed."}' WHERE "silknotePatientUuid" = $1`,
    [one.ids.patient],
  );
  await database.end();
  await until(() => heard().length === 2);
  expect((await ask(one.secret, 'DELETE', path)).status).toBe(204);
  await until(() => heard().length === 3);
  expect(JSON.stringify(reader.events)).not.toMatch(/meniscus|Healed/);
  // What comes last has come: nothing of it went elsewhere.
  await bring(other, 'summary-1');
  await foreign.next('fileStatus');
  expect(foreign.events.filter(({ event }) => event === 'caseSummaryChanged')).toEqual([]);
});

test('whose last event is forgotten is told to look at everything again', async () => {
  await bring(one, 'events-3');
  await practices.server.chartsync.documentEvents.forget(Date.now() + 60_000);
  const reader = await watch(one, '1-1');
  await reader.next('reset');
  const documentUuid = await bring(one, 'events-4');
  const news = await reader.next('fileStatus');
  expect(news.data.silknoteDocumentUuid).toBe(documentUuid);
  // Nonsense is no place: it begins now.
  await (await watch(one, 'yesterday')).next('ready');
});

test('a socket hears of the rooms that it has joined, and joins only those of its own patients', async () => {
  const connected = await connect({ token: one.secret });
  expect(await join(connected, one.ids.patient.toUpperCase())).toEqual({
    status: 'ok',
    roomId: `patient-${one.ids.patient}`,
  });
  expect(await join(connected, one.ids.patient)).toMatchObject({ status: 'ok', alreadyJoined: true });
  const refused = await join(connected, other.ids.patient);
  expect(refused).toMatchObject({ status: 'error', error: 'not_found' });
  expect(await join(connected, NOBODY.patient)).toEqual(refused);
  for (const odd of [null, 5, {}, 'x', undefined]) expect(await join(connected, odd)).toEqual(refused);

  await bring(other, 'socket-0');
  const documentUuid = await bring(one, 'socket-1');
  await until(() => connected.heard.length > 0);
  expect(connected.heard[0]).toMatchObject({
    event: 'fileStatus',
    data: { clientFileId: 'socket-1', silknoteDocumentUuid: documentUuid, status: 'queued' },
  });
  await ask(one.secret, 'DELETE', '/api/documents/delete', { documentUuid, patientUuid: one.ids.patient });
  await until(() => connected.heard.some(({ event }) => event === 'fileDeleted'));
  expect(JSON.stringify(connected.heard)).not.toContain('socket-0');
});

test('a socket without a right key is not let in, and one that names its patient is in the room at once', async () => {
  for (const auth of [{}, { token: 'nonsense' }, { silknotePatientUuid: one.ids.patient }, { token: 5 }]) {
    await expect(connect(auth)).rejects.toMatchObject({ data: { error_type: 'unauthorised' } });
  }
  const { adminKey } = practices.server;
  const administrator = await connect({ token: adminKey, organizationId: one.ids.organization });
  expect(await join(administrator, one.ids.patient)).toMatchObject({ status: 'ok' });
  expect(await join(administrator, other.ids.patient)).toMatchObject({ error: 'not_found' });
  expect(await join(await connect({ token: adminKey }), one.ids.patient)).toMatchObject({ status: 'error' });
  const wrong = await connect({ token: one.secret, organizationId: other.ids.organization });
  expect(await join(wrong, one.ids.patient)).toMatchObject({ status: 'error', error: 'organization_mismatch' });
  const connected = await connect({ token: one.secret, silknotePatientUuid: one.ids.patient });
  await until(async () => (await join(connected, one.ids.patient)).alreadyJoined === true);
});

test('a token for one patient opens the documents of this patient and nothing else', async () => {
  const { status, json } = await componentToken(one);
  expect(status).toBe(201);
  expect(Date.parse(json.expiresAt) - Date.now()).toBeLessThanOrEqual(15 * 60_000);
  const { token } = json;
  const { neighbour } = one;
  const { patient, document } = one.ids;
  expect((await ask(token, 'GET', `/api/patients/${patient}/documents`)).status).toBe(200);
  expect((await ask(token, 'GET', `/api/documents/${document}`)).status).toBe(200);
  expect((await ask(token, 'GET', `/api/patients/${patient}/search?q=report`)).status).toBe(200);
  for (const path of [
    `/api/patients/${other.ids.patient}/documents`,
    `/api/documents/${other.ids.document}`,
    `/api/patients/${neighbour.patient}/documents`,
    `/api/documents/${neighbour.document}`,
    `/api/documents/${neighbour.document}/text`,
  ]) {
    expect((await ask(token, 'GET', path)).status, path).toBe(404);
  }
  for (const path of ['/api/v1/keys', '/api/v1/connections', `/api/sync/status/${patient}`, '/api/v1/audit']) {
    expect(await ask(token, 'GET', path), path).toMatchObject({
      status: 403,
      json: { details: { error_type: 'component_token' } },
    });
  }
  // Reading does not write, and a token makes no token.
  expect((await ask(token, 'DELETE', `/api/documents/${document}`)).status).toBe(403);
  expect((await componentToken(one, {}, token)).status).toBe(403);
  const writer = (await componentToken(one, { scopes: ['documents:read', 'documents:write'] })).json.token;
  const own = await bring(one, 'component-1', writer);
  for (const path of [`/api/documents/${neighbour.document}`, `/api/documents/${other.ids.document}`]) {
    expect((await ask(writer, 'DELETE', path)).status, path).toBe(404);
  }
  const wrong = { documentUuid: neighbour.document, patientUuid: neighbour.patient };
  expect((await ask(writer, 'DELETE', '/api/documents/delete', wrong)).status).toBe(404);
  expect((await ask(writer, 'DELETE', `/api/documents/${own}`)).status).toBe(204);

  const reader = await watch(one, undefined, token);
  await reader.next('ready');
  const connected = await connect({ token });
  expect(await join(connected, patient)).toMatchObject({ status: 'ok' });
  expect(await join(connected, neighbour.patient)).toMatchObject({ status: 'error', error: 'not_found' });
});

test('a token needs a key of the organisation that may do as much, and ends with it', async () => {
  expect((await componentToken(other, {}, one.secret)).status).toBe(404);
  expect((await componentToken(one, { expiresInSeconds: 901 })).status).toBe(400);
  const admin = await fetch(`${practices.server.url}/api/patients/${one.ids.patient}/component-token`, {
    method: 'POST',
    headers: { authorization: `Bearer ${practices.server.adminKey}`, 'x-organization-id': one.ids.organization },
  });
  expect(admin.status).toBe(403);
  const made = await ask(one.secret, 'POST', '/api/v1/keys', { name: 'reader', scopes: ['documents:read'] });
  const { key, secret } = made.json;
  expect((await componentToken(one, { scopes: ['documents:write'] }, secret)).status).toBe(403);
  const { token } = (await componentToken(one, {}, secret)).json;
  const read = () => ask(token, 'GET', `/api/patients/${one.ids.patient}/documents`);
  expect((await read()).status).toBe(200);
  const reader = await watch(one, undefined, token);
  await reader.next('ready');
  expect((await ask(one.secret, 'DELETE', `/api/v1/keys/${key.id}`)).status).toBeLessThan(300);
  expect((await read()).status).toBe(401);
  expect((await ask(`${token.slice(0, -1)}x`, 'GET', '/api/v1/keys')).status).toBe(401);
  // Who watches with it is shown out, too.
  await until(() => reader.ended(), 60_000);
});
