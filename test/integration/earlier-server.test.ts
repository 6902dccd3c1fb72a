/** Documents that go to a VitalSign server as they are in use: it has no route for the second form of removal, or none at all. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../support/cli.ts';
import { CONNECTION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';

let setup: PracticeSetup;
let records: pg.Client;
let vitalSign: Server;
let env: PracticeSetup['environment'];
/** UUID → reference, of its own. */
const kept = new Map<string, string>();
let removes = true;
let names = true;
let received = 0;

beforeAll(async () => {
  vitalSign = createServer(async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString('latin1');
    const json = (status: number, value: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (pathname === '/health') return json(200, { status: 'ok' });
    if (request.method === 'POST' && pathname === '/api/process') {
      const reference = /"vsrxReference":"([^"]+)"/.exec(body)![1]!;
      const known = [...kept].find(([, other]) => other === reference);
      const documentUuid = known?.[0] ?? randomUUID();
      kept.set(documentUuid, reference);
      received++;
      return json(200, names ? { documentUuid } : { accepted: true });
    }
    const named = /^\/api\/documents\/([^/]+)$/.exec(pathname)?.[1];
    if (request.method === 'DELETE' && named !== undefined && removes) {
      // "delete" is an id to it.
      return kept.delete(named)
        ? response.writeHead(204).end()
        : json(404, { success: false, error: 'Document not found' });
    }
    return response.writeHead(404, { 'content-type': 'text/html' }).end(`<pre>Cannot ${request.method}</pre>`);
  });
  vitalSign.listen(0, '127.0.0.1');
  await once(vitalSign, 'listening');
  const { port } = vitalSign.address() as AddressInfo;
  setup = await setUpPractice({ patients: 3, attachments: 12 });
  env = await setup.environmentWith({
    connection: { documents: { kind: 'remote', endpoint: `http://127.0.0.1:${port}`, apiKey: 'a-key-of-vitalsign' } },
    sections: {
      deletionGuard: { maxCount: 100_000, maxPercent: 100 },
      limits: { retryDelay: '10ms', retryAttempts: 1, documentsAtOnce: 3 },
      stores: { search: { kind: 'none' } },
    },
  });
  records = new pg.Client({ connectionString: env.DATABASE_URL });
  await records.connect();
});
afterAll(async () => {
  vitalSign?.closeAllConnections();
  vitalSign?.close();
  await records?.end();
  await setup?.close();
});

const synchronise = () => runCli(['sync', CONNECTION, '--json'], { cwd: setup.folder, env });

/** What is sent is live here. */
async function sent(): Promise<string[]> {
  const { rows } = await records.query(
    `SELECT "vsrxReference" AS reference FROM silknote_documents WHERE "deletedAt" IS NULL AND status = 'complete'`,
  );
  return rows.map((row) => row.reference as string).sort();
}

async function removeInSource(reference: string): Promise<void> {
  await setup.source.execute('UPDATE ax_notes_attachments SET deleted = ? WHERE lower(file_uuid) = ?', [
    true,
    reference,
  ]);
}

test('a document goes from a server that only knows the first form of removal', async () => {
  await synchronise();
  const before = await sent();
  expect(before.length).toBeGreaterThan(3);
  expect([...kept.values()].sort()).toEqual(before);
  const gone = before.find((reference) => !reference.startsWith('id:'))!;
  await removeInSource(gone);
  await synchronise();
  expect(await sent()).not.toContain(gone);
  expect([...kept.values()].sort()).toEqual(await sent());
});

test('of a server that has no route to remove a document no run says that it was removed there', async () => {
  removes = false;
  const gone = (await sent()).find((reference) => !reference.startsWith('id:'))!;
  await removeInSource(gone);
  const run = await synchronise();
  expect(run.code).toBe(3);
  expect([...kept.values()]).toContain(gone);
  const { rows } = await records.query('SELECT code FROM document_outbox');
  expect(rows).toEqual([{ code: 'remote_refused' }]);

  removes = true;
  await records.query('UPDATE document_outbox SET next_try_at = now()');
  await synchronise();
  expect([...kept.values()].sort()).toEqual(await sent());
});

test('a document whose sending was never answered, and whose content is gone, goes from a server that has no list', async () => {
  const gone = (await sent()).find((reference) => !reference.startsWith('id:'))!;
  const { rows } = await records.query('SELECT sha256 FROM silknote_documents WHERE "vsrxReference" = $1', [gone]);
  await records.query('UPDATE document_deliveries SET remote_uuid = NULL, sent_at = NULL WHERE reference = $1', [gone]);
  const root = join(setup.config.home, 'blobs');
  await rm(join(root, (await readdir(root, { recursive: true })).find((file) => file.endsWith(rows[0].sha256))!));
  await removeInSource(gone);
  const before = [...kept.keys()];
  const run = await synchronise();
  expect(run.code).not.toBe(1);
  expect([...kept.values()]).not.toContain(gone);
  expect([...kept.keys()].every((uuid) => before.includes(uuid))).toBe(true);
  expect((await records.query('SELECT 1 FROM document_outbox')).rows).toEqual([]);
  const tombstone = 'SELECT "goneAt" FROM silknote_documents WHERE "vsrxReference" = $1';
  expect((await records.query(tombstone, [gone])).rows[0].goneAt).not.toBeNull();
});

test('a removal of what a server never names ends, is not sent for ever, and the comparison tells of it', async () => {
  const gone = (await sent()).find((reference) => !reference.startsWith('id:'))!;
  await records.query('UPDATE document_deliveries SET remote_uuid = NULL, sent_at = NULL WHERE reference = $1', [gone]);
  names = false;
  await removeInSource(gone);
  const before = received;
  expect((await synchronise()).code).toBe(3);
  expect(received - before).toBe(1);
  expect((await records.query('SELECT 1 FROM document_outbox')).rows).toEqual([]);
  await synchronise();
  expect(received - before).toBe(1);
  const verified = () => runCli(['verify', CONNECTION, '--json'], { cwd: setup.folder, env });
  const told = async () => (await verified()).lines.filter((line) => line.reference === gone);
  expect(await told()).toMatchObject([{ kind: 'surplus' }]);

  names = true;
  const repaired = await runCli(['repair', CONNECTION, '--apply', '--json'], { cwd: setup.folder, env });
  expect(repaired.lines.filter((line) => line.reference === gone)).toMatchObject([{ result: 'asked' }]);
  await synchronise();
  expect([...kept.values()]).not.toContain(gone);
  expect(await told()).toEqual([]);
  const wrong = ['repair', CONNECTION, '--apply', '--release-blobs'];
  expect((await runCli(wrong, { cwd: setup.folder, env })).code).toBe(2);
});
