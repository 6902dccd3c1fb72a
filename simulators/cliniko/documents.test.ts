import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { contentOf } from './document-content.ts';
import { defaultFaults } from './faults.ts';
import { type ClinikoSimulator, startCliniko } from './server.ts';
import { clientOf, headersOf } from './test-client.ts';

let simulator: ClinikoSimulator;
let client: ReturnType<typeof clientOf>;
let now = new Date('2026-05-01T00:00:00Z');

beforeAll(async () => {
  simulator = await startCliniko({
    accounts: [{ patients: 60, appointments: 10 }],
    now: () => now,
    rateLimit: null,
  });
  client = clientOf(simulator);
});

beforeEach(() => {
  simulator.faults.attachments = defaultFaults().attachments;
});

afterAll(() => simulator.stop());

const world = () => simulator.accounts[0]!.world;
const attachment = () => world().tables.attachments.rows.find((one) => one.archivedAt === null)!;

async function link(): Promise<string> {
  const { body } = await client.ask(`patient_attachments/${attachment().id}`);
  const hop = await client.ask(body.content.links.self);
  expect(hop.status).toBe(303);
  return hop.headers.get('location')!;
}

test('a document is fetched in two hops, the second of them elsewhere and without the key', async () => {
  const location = await link();
  expect(new URL(location).origin).toBe(simulator.files.origin);
  expect(new URL(location).origin).not.toBe(new URL(simulator.url).origin);
  const answer = await fetch(location);
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(contentOf(attachment()));
  const withKey = await fetch(location, { headers: headersOf(simulator.accounts[0]!.key) });
  expect([withKey.status, await withKey.text()]).toEqual([400, expect.stringContaining('Only one auth mechanism')]);
});

test('a link expires, cannot be changed, and can be bad in several ways', async () => {
  const location = await link();
  expect((await fetch(location.replace(/(Expires=)\d+/, '$19999999999'))).status).toBe(403);
  now = new Date(now.getTime() + 60_000);
  expect((await fetch(location)).status).toBe(403);
  const { attachments } = simulator.faults;
  attachments.download = 'missing';
  expect((await fetch(await link())).status).toBe(404);
  attachments.download = 'html';
  expect(await (await fetch(await link())).text()).toContain('<html>');
  attachments.download = 'truncated';
  const cut = await fetch(await link());
  await expect(cut.arrayBuffer()).rejects.toThrow();
  attachments.download = 'redirect-elsewhere';
  expect(await link()).toMatch(/^http:\/\/elsewhere\.invalid\//);
  attachments.contentLinkWithoutPath = true;
  const { body } = await client.ask(`patient_attachments/${attachment().id}`);
  expect(body.content.links.self).toBe(body.links.self);
});

test('a document is uploaded with a form, noted, and processed after a while', async () => {
  const patientId = world().tables.patients.rows.find((one) => one.deletedAt === null)!.id;
  const { body: post } = await client.ask(`patients/${patientId}/attachment_presigned_post`);
  const form = new FormData();
  for (const [name, value] of Object.entries(post.fields as Record<string, string>)) form.append(name, value);
  form.append('file', new Blob(['invented']), 'scan 1.txt');
  const uploaded = await fetch(post.url, { method: 'POST', body: form });
  const xml = await uploaded.text();
  expect(uploaded.status).toBe(201);
  const key = /<Key>([^<]+)<\/Key>/.exec(xml)![1]!;
  const location = /<Location>([^<]+)<\/Location>/.exec(xml)![1]!;
  const create = (upload_url: string) =>
    client.ask('patient_attachments', 'POST', { patient_id: patientId, upload_url });
  const wrong = await create(location);
  expect([wrong.status, wrong.body.errors]).toEqual([422, { temp_attachment_url: 'is invalid' }]);
  const created = await create(`${post.url}${key}`);
  expect(created.status).toBe(201);
  expect(created.body).toMatchObject({ processing_completed: false, filename: null, size: null, content_type: null });
  expect((await create(`${post.url}${key}`)).status).toBe(422);
  expect(created.headers.get('location')).toBe(created.body.links.self);
  const states: boolean[] = [];
  for (let i = 0; i < 3; i++)
    states.push((await client.ask(created.headers.get('location')!)).body.processing_completed);
  expect(states).toEqual([false, false, true]);
  const done = (await client.ask(created.headers.get('location')!)).body;
  expect(done).toMatchObject({ filename: 'scan 1.txt', size: 8, content_type: 'text/plain' });
  const hop = await client.ask(done.content.links.self);
  expect(await (await fetch(hop.headers.get('location')!)).text()).toBe('invented');
});

test('processing can go on for ever', async () => {
  const patientId = world().tables.patients.rows.find((one) => one.deletedAt === null)!.id;
  const { id } = world().attach(patientId, { filename: 'never.pdf', readsUntilProcessed: null });
  for (let i = 0; i < 5; i++) await client.ask(`patient_attachments/${id}`);
  expect((await client.ask(`patient_attachments/${id}`)).body.processing_completed).toBe(false);
  expect((await client.ask(`patient_attachments/${id}/content`)).status).toBe(404);
});

test('an upload without the signed fields is refused', async () => {
  const form = new FormData();
  form.append('key', 'anything');
  form.append('file', new Blob(['x']), 'x.txt');
  expect((await fetch(`${simulator.files.origin}/`, { method: 'POST', body: form })).status).toBe(403);
});
