/** The component as a part of pages that React and Svelte make. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build, type Rolldown } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ComponentHost, startComponentHost } from '../support/component-host.ts';
import { openScene, type Scene, until, visit } from './browser.ts';

const PAGES = fileURLToPath(new URL('../support/component-pages/', import.meta.url));
const FRAMEWORKS = ['react', 'svelte'] as const;

let scene: Scene;
/** Gives the tokens. */
let host: ComponentHost;
/** Serves the pages. */
let server: Server;
let origin: string;
const scripts = new Map<string, string>();

beforeAll(async () => {
  host = await startComponentHost();
  server = createServer((request, response) => {
    const [, name = '', isScript] = /^\/(\w+)(\.js)?$/.exec(request.url ?? '') ?? [];
    const script = scripts.get(name);
    if (script === undefined) return pass(request.url ?? '', request.method ?? '', request, response);
    const type = isScript === undefined ? 'text/html' : 'text/javascript';
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` });
    response.end(isScript === undefined ? pageOf(name) : script);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  scene = await openScene({ sections: { limits: { retryDelay: '10ms' }, components: { origins: [origin] } } });
  await scene.synchronise();
  await until(async () => (await scene.server.chartsync.documentWork.open('org_test')) === 0, 120_000);
  const { filesets } = (await scene.ask('POST', '/api/v1/filesets/search', { withDocuments: true })).body;
  const withDocuments = filesets.filter((f: { documents: number }) => f.documents > 1);
  host.settings.chartsync = scene.server.url;
  host.settings.patients = withDocuments.slice(0, 2).map((f: { silknotePatientUuid: string }) => f.silknotePatientUuid);
  const scopes = ['documents:read', 'documents:write', 'sync:run'];
  host.settings.key = (await scene.ask('POST', '/api/v1/keys', { name: 'clinic system', scopes })).body.secret;
  for (const framework of FRAMEWORKS) scripts.set(framework, await bundle(framework));
});
afterAll(async () => {
  await scene?.close();
  server?.closeAllConnections();
  server?.close();
  await host?.close();
});

/** What is no page of this test is asked of the host that gives the tokens. */
async function pass(
  path: string,
  method: string,
  request: AsyncIterable<Buffer> & { readonly headers: NodeJS.Dict<string | string[]> },
  response: { writeHead(status: number, headers: Record<string, string>): unknown; end(text: string): unknown },
): Promise<void> {
  const pieces = await Array.fromAsync(request);
  const answer = await fetch(`${host.origin}${path}`, {
    method,
    headers: { 'x-requested-with': String(request.headers['x-requested-with']) },
    ...(pieces.length === 0 ? {} : { body: Buffer.concat(pieces) }),
  });
  response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
  response.end(await answer.text());
}

function pageOf(framework: string): string {
  return `<!doctype html><html lang="en"><head><title>A page of ${framework}</title>
    <script src="${scene.server.url}/component/chartsync-patient.js" defer></script>
    <script src="/${framework}.js" type="module"></script></head><body><div id="page"></div></body></html>`;
}

async function bundle(framework: string): Promise<string> {
  const built = (await build({
    configFile: false,
    logLevel: 'error',
    root: PAGES,
    plugins: [svelte({ configFile: false })],
    define: { 'process.env.NODE_ENV': '"production"' },
    build: { write: false, target: 'esnext', lib: { entry: `${PAGES}${framework}.js`, formats: ['es'] } },
  })) as Rolldown.RolldownOutput[];
  return built[0]!.output[0].code;
}

test.each(FRAMEWORKS)('properties, events, another patient and going away work in a page of %s', async (framework) => {
  const { page, close, complaints } = await visit(scene, { key: null });
  await page.goto(`${origin}/${framework}`);
  const heading = page.getByRole('heading', { name: /^\d+ documents$/ });
  await heading.waitFor();
  const namesOf = async (patient: string) => {
    const { documents } = (await scene.ask('GET', `/api/patients/${patient}/documents`)).body;
    return documents.map(({ originalName }: { originalName: string }) => originalName) as string[];
  };
  const [mine, others] = await Promise.all(host.settings.patients.map(namesOf));
  const own = mine!.find((name) => !others!.includes(name))!;
  const foreign = others!.find((name) => !mine!.includes(name))!;
  await page.getByText(own).first().waitFor();
  expect(await page.getByText(foreign).count()).toBe(0);

  await page.getByLabel('Add documents').setInputFiles({
    name: `${framework}.txt`,
    mimeType: 'text/plain',
    buffer: Buffer.from('A letter of nobody.'),
  });
  await page.getByRole('button', { name: 'Upload' }).click();
  await page.locator('#uploaded', { hasText: /^[0-9a-f-]{36}$/ }).waitFor();

  await page.getByRole('button', { name: 'Next patient' }).click();
  await page.getByText(foreign).first().waitFor();
  expect(await page.getByText(own).count()).toBe(0);

  const streams: string[] = [];
  page.on('request', (request) => streams.push(request.url()));
  await page.getByRole('button', { name: 'Show or hide' }).click();
  await heading.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Show or hide' }).click();
  await heading.waitFor();
  expect(streams.some((url) => url.startsWith(scene.server.url))).toBe(true);
  expect(complaints).toEqual([]);
  await close();
});
