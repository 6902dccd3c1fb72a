/**
 * Two practices at one service, each with everything that an address can name. The key of one asks for all of the other's:
 * it learns nothing, not even that something exists, and changes nothing. New routes are met without being listed here.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Described, describedPaths } from '../support/description.ts';
import { textOf } from '../support/event-stream.ts';
import { type Ids, NOBODY, setUpTwoPractices, type Tenant, type TwoPractices } from '../support/two-practices.ts';
import { until } from '../support/until.ts';

/** What the parameters of paths are called, and what they name. */
const KIND_OF_PARAMETER: Readonly<Record<string, keyof Ids>> = {
  organizationId: 'organization',
  connectionId: 'connection',
  syncId: 'run',
  keyId: 'key',
  setId: 'heldSet',
  id: 'failure',
  patientId: 'patient',
  uuid: 'patient',
  documentId: 'document',
  clinicId: 'clinic',
  bookingId: 'booking',
  inspectionId: 'inspection',
  alertId: 'alert',
};
/** Nothing reads documents here, and nothing is asked for. */
const NOT_ANSWERED: Readonly<Record<string, number>> = {
  documentPdf: 409,
  documentThumbnail: 409,
  documentText: 409,
  searchPatientByAddress: 400,
  queryFullByAddress: 400,
  // No document, group, owner or run has the id of the patient, and nobody has saved a summary.
  patientFile: 404,
  patientRun: 404,
  filesetOwner: 404,
  group: 404,
  groupPdf: 404,
  caseSummary: 404,
  // Documents are held here, not records.
  heldRecord: 404,
  // No night has passed.
  listConsistencyDifferences: 404,
};
const KINDS = Object.keys(NOBODY) as (keyof Ids)[];
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-/;

interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: Described;
}

let practices: TwoPractices;
let routes: Route[];

beforeAll(async () => {
  practices = await setUpTwoPractices();
  const paths = describedPaths(await (await fetch(`${practices.server.url}/openapi.json`)).json());
  routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.security?.length !== 0)
      .map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
});
afterAll(async () => {
  await practices?.close();
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: string;
}

/** With what the description shows as its body. */
async function ask(
  tenant: Tenant,
  { method, path, operation }: Route,
  { query = '', organization }: { query?: string; organization?: string } = {},
): Promise<Answer> {
  const body = operation.requestBody?.content['application/json']?.example;
  const response = await fetch(`${practices.server.url}${path}${query}`, {
    method,
    headers: {
      authorization: `Bearer ${tenant.secret}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(organization === undefined ? {} : { 'x-organization-id': organization }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return {
    status: response.status,
    text: await textOf(response),
    headers: JSON.stringify([...response.headers]),
  };
}

const at = (route: Route, id: string): Route => ({
  ...route,
  path: route.path.replace(/\{\w+\}/g, encodeURIComponent(id)),
});
const parameterOf = ({ path }: Route) => /\{(\w+)\}/.exec(path)?.[1];
const runsOfUnknownPatients = ({ operation }: Route) => operation.operationId === 'syncVsrxPatient';

function expectNothingOf(owner: Tenant, answer: Answer, what: string, words = owner.words): void {
  const all = `${answer.headers} ${answer.text}`.toLowerCase();
  const told = words.filter((word) => all.includes(word.toLowerCase()));
  expect(told, `${what}: ${answer.text.slice(0, 300)}`).toEqual([]);
}

/** Without what is of the moment or of the asker's own run. */
const still = (answer: Answer) =>
  `${answer.status} ${answer.text}`.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '').replace(/sync_org_[\w-]+/g, '');

/** What the owner sees of its own things. */
async function seenBy(tenant: Tenant): Promise<unknown> {
  const get = async (path: string) => {
    const { status, text } = await ask(tenant, { method: 'GET', path, operation: { responses: {} } as Described });
    expect(status, path).toBe(200);
    return JSON.parse(text);
  };
  const { connections } = await get('/api/v1/connections');
  const { keys } = await get('/api/v1/keys');
  return {
    connections: connections.map(({ freshness_seconds, ...kept }: { freshness_seconds: number }) => kept),
    keys: keys.map(({ last_used_at, ...kept }: { last_used_at: string }) => kept),
    failures: await get('/api/v1/failures'),
    held: await get('/api/v1/held?all=true'),
    set: await get(`/api/v1/held/${tenant.ids.heldSet}`),
    history: await get(`/api/v1/sync/history/${tenant.ids.organization}?limit=100`),
    // Also its documents and contents, against its source.
    patient: await get(`/api/sync/status/${tenant.ids.patient}`),
    credentials: await get(`/api/v1/connections/${tenant.ids.connection}/credentials`),
    settings: await get(`/api/v1/connections/${tenant.ids.connection}/settings`),
    alerts: await get('/api/v1/alerts'),
  };
}

test('both practices have everything that could be seen', () => {
  for (const { ids, words } of [practices.one, practices.other]) {
    for (const kind of KINDS) expect(ids[kind], kind).toMatch(/./);
    expect(words.length).toBeGreaterThan(40);
  }
  for (const kind of KINDS) expect(practices.one.ids[kind], kind).not.toBe(practices.other.ids[kind]);
});

describe.each([
  ['one', 'other'],
  ['other', 'one'],
] as const)('the key of the %s practice, asking for what is of the %s one', (askedBy, ownedBy) => {
  let asker: Tenant;
  let owner: Tenant;
  let before: unknown;

  beforeAll(async () => {
    asker = practices[askedBy];
    owner = practices[ownedBy];
    const reason = `${owner.ids.connection} is paused`;
    const paused = await fetch(`${practices.server.url}/api/v1/connections/${owner.ids.connection}/pause`, {
      method: 'POST',
      headers: { authorization: `Bearer ${owner.secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reason }),
    });
    expect(paused.status).toBe(200);
    before = await seenBy(owner);
    expect(JSON.stringify(before)).toContain(reason);
  });
  afterAll(async () => {
    await until(async () => {
      const path = '/api/v1/sync/active';
      const { text } = await ask(asker, { method: 'GET', path, operation: { responses: {} } as Described });
      return JSON.parse(text).total_active === 0;
    });
    await fetch(`${practices.server.url}/api/v1/connections/${owner.ids.connection}/resume`, {
      method: 'POST',
      headers: { authorization: `Bearer ${owner.secret}` },
    });
  });

  // Thousands of requests: a busy machine takes its time.
  test('any id at any place: what nobody has and what the other has are answered alike', {
    timeout: 900_000,
  }, async () => {
    let asked = 0;
    for (const route of routes.filter((r) => parameterOf(r) !== undefined)) {
      const own = KIND_OF_PARAMETER[parameterOf(route)!];
      const options = runsOfUnknownPatients(route) ? { query: '?wait=true' } : {};
      for (const kind of KINDS) {
        const what = `${route.operation.operationId} with the ${kind}`;
        const answer = await ask(asker, at(route, owner.ids[kind]), options);
        const nobodys = await ask(asker, at(route, NOBODY[kind]), options);
        // A run for a patient says for whom it was, whoever that is.
        const words = runsOfUnknownPatients(route) ? owner.words.filter((word) => word !== owner.ids[kind]) : undefined;
        expectNothingOf(owner, answer, what, words);
        expect(still(answer).replaceAll(owner.ids[kind], '…'), what).toBe(still(nobodys).replaceAll(NOBODY[kind], '…'));
        // The patients of the asker's source are its own affair: a run of it looks for the one that is named.
        if (!runsOfUnknownPatients(route)) expect([400, 403, 404], what).toContain(answer.status);
        if (kind === own && kind !== 'patient') expect(answer.status, what).toBe(kind === 'organization' ? 403 : 404);
        asked++;
      }
    }
    expect(asked).toBeGreaterThan(150);
  });

  test('a connection of the other in the query is no connection', async () => {
    const asking = routes.filter(({ operation }) => operation.parameters?.some((p) => p.name === 'connection'));
    expect(asking.length).toBeGreaterThan(2);
    for (const route of asking) {
      const there = at(route, asker.ids[KIND_OF_PARAMETER[parameterOf(route) ?? ''] ?? 'patient']);
      const answer = await ask(asker, there, { query: `?connection=${owner.ids.connection}` });
      // A list of records is only made shorter by it.
      const isList = /^(patients|appointments)$/.test(route.operation.operationId);
      expect(answer.status, route.operation.operationId).toBe(isList ? 200 : 404);
      expectNothingOf(owner, answer, route.operation.operationId);
      const nobodys = await ask(asker, there, { query: `?connection=${NOBODY.connection}` });
      expect(still(answer)).toBe(still(nobodys));
    }
  });

  test('a plan of the other is no plan here', async () => {
    const start = async (plan: string) => {
      const answer = await fetch(`${practices.server.url}/api/v1/connections/${asker.ids.connection}/runs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${asker.secret}`, 'content-type': 'application/json' },
        body: JSON.stringify({ plan }),
      });
      return { status: answer.status, text: await answer.text(), headers: '' };
    };
    const answer = await start(owner.ids.inspection);
    expect([answer.status, JSON.parse(answer.text).details.error_type]).toEqual([409, 'no_plan']);
    expectNothingOf(owner, answer, 'startConnection');
    expect(still(answer)).toBe(still(await start(NOBODY.inspection)));
  });

  test('its name in the header is refused by every route', async () => {
    for (const route of routes) {
      const own = KIND_OF_PARAMETER[parameterOf(route) ?? ''];
      for (const ids of [owner.ids, asker.ids]) {
        const there = own === undefined ? route : at(route, ids[own]);
        const answer = await ask(asker, there, { organization: owner.ids.organization });
        expect(answer.status, route.operation.operationId).toBe(403);
        expectNothingOf(owner, answer, route.operation.operationId);
      }
    }
  });

  test('no list of its own has anything of the other', async () => {
    for (const route of routes.filter((r) => r.method === 'GET')) {
      const own = KIND_OF_PARAMETER[parameterOf(route) ?? ''];
      const answer = await ask(asker, own === undefined ? route : at(route, asker.ids[own]));
      // Neither practice copies records: there is no connection to Cliniko and no single record.
      const isAbsent = /^(cliniko|patient$|patientMerges|appointment$|fhirRead|scheduleSync)/.test(
        route.operation.operationId,
      );
      expect(answer.status, route.operation.operationId).toBe(
        NOT_ANSWERED[route.operation.operationId] ?? (isAbsent ? 404 : 200),
      );
      // Whom one asked for stands in one's own audit log; any UUID may be asked for as a patient.
      const words = owner.words.filter(
        (word) => !/^(audit|exportAudit)$/.test(route.operation.operationId) || !UUID.test(word),
      );
      expectNothingOf(owner, answer, route.operation.operationId, words);
    }
  });

  test('nothing of the other has changed, and its key still opens it', async () => {
    expect(await seenBy(owner)).toEqual(before);
  });
});
