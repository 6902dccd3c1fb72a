/** `/` while the pages are not built: for whoever opens the address in a browser. Says what this is and what to do next, and nothing about what it holds. */
import type { FastifyInstance } from 'fastify';
import { ALIVE, wantsJson } from '../web-app.ts';

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Chartsync</title>
<style>body{font:16px/1.5 sans-serif;max-width:42em;margin:3em auto;padding:0 1em;color:#222}code,pre{background:#f3f3f3;padding:.1em .3em}pre{padding:.8em;overflow:auto}</style>
<h1>Chartsync is running</h1>
<p>It keeps clinic systems and an application's stores in step. Its pages for the browser are not built yet: <code>npm start</code>
does that. Programs need no pages; every request of theirs wants a key.
<a href="/docs">All routes, to read and to try.</a>
<pre>curl $URL/openapi.json   # the same for programs
curl -X POST -H "Authorization: Bearer $KEY" "$URL/api/sync/vsrx?wait=true"</pre>
<p>The administrator's key was told when it started. On the machine itself, <code>bin/chartsync status</code> shows what is
stored, how fresh it is and what failed; <code>bin/chartsync --help</code> lists the rest.
<p><a href="/health">How is it?</a> · <a href="/ready">Can it work?</a>
</html>
`;

export function landingRoute(app: FastifyInstance): void {
  app.get('/', { schema: { hide: true } }, async (request, reply) => {
    if (wantsJson(request)) return ALIVE;
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
      .header('x-content-type-options', 'nosniff')
      .send(PAGE);
  });
}
