/**
 * The server of a page with <chartsync-patient>: it alone has a key, and gives its pages tokens for one patient.
 *
 *   CHARTSYNC_KEY=cs_… PATIENTS=<uuid>,<uuid> node docs/examples/jquery-page/server.mjs
 *
 * CHARTSYNC_URL (http://127.0.0.1:8420) says where Chartsync is, PORT (8430) where this page is. The key needs the scopes
 * documents:read, documents:write and sync:run; chartsync.yaml names the origin of this page:
 *
 *   components: { origins: ["http://127.0.0.1:8430"] }
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
};
const JQUERY = createRequire(import.meta.url).resolve('jquery/dist/jquery.min.js');
const SCOPES = ['documents:read', 'documents:write', 'sync:run'];

/** @param {{ chartsync: string, key: string, patients: string[] }} settings read anew with every request */
export function createHost(settings) {
  return createServer((request, response) => {
    answer(settings, request, response).catch(() => response.writeHead(500).end());
  });
}

async function answer(settings, request, response) {
  const file = FILES[request.url];
  const send = (status, type, body, more = {}) =>
    response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff', ...more }).end(body);
  if (request.method === 'GET' && file !== undefined) {
    const text = await readFile(new URL(file[0], import.meta.url), 'utf8');
    const own = settings.chartsync;
    return send(200, file[1], text.replaceAll('%CHARTSYNC%', own), {
      // All that the component needs of a page's policy.
      'content-security-policy': `default-src 'none'; style-src 'self'; script-src 'self' ${own}; connect-src 'self' ${own}`,
    });
  }
  if (request.method === 'GET' && request.url === '/jquery.js') {
    return send(200, 'text/javascript; charset=utf-8', await readFile(JQUERY));
  }
  // Here a real page looks at its own session: who is signed in, and which patients may they see?
  if (request.method === 'GET' && request.url === '/patients') {
    return send(200, 'application/json', JSON.stringify(settings.patients));
  }
  if (request.method === 'POST' && request.url === '/chartsync-token') {
    // No page of another origin can send this header.
    if (request.headers['x-requested-with'] !== 'chartsync-patient') return send(403, 'text/plain', 'Forbidden');
    const { silknotePatientUuid } = await bodyOf(request);
    if (!settings.patients.includes(silknotePatientUuid)) return send(404, 'text/plain', 'Not found');
    const token = await fetch(`${settings.chartsync}/api/patients/${silknotePatientUuid}/component-token`, {
      method: 'POST',
      headers: { authorization: `Bearer ${settings.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ scopes: SCOPES }),
    });
    if (!token.ok) return send(502, 'text/plain', 'No token');
    const { token: text, expiresAt } = await token.json();
    return send(200, 'application/json', JSON.stringify({ token: text, expiresAt }), { 'cache-control': 'no-store' });
  }
  send(404, 'text/plain', 'Not found');
}

async function bodyOf(request) {
  let text = '';
  for await (const piece of request) {
    text += piece;
    if (text.length > 1000) return {};
  }
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { CHARTSYNC_URL = 'http://127.0.0.1:8420', CHARTSYNC_KEY, PATIENTS = '', PORT = '8430' } = process.env;
  if (!CHARTSYNC_KEY || PATIENTS === '') {
    console.error('Set CHARTSYNC_KEY and PATIENTS; the head of this file says more.');
    process.exit(2);
  }
  const settings = { chartsync: CHARTSYNC_URL, key: CHARTSYNC_KEY, patients: PATIENTS.split(',') };
  createHost(settings).listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${PORT}`));
}
