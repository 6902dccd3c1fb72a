/**
 * The pages for the browser: files that were built before. One page stands for every address that is none of the interface's;
 * what it shows is asked for by its script, which has no more rights than its reader.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const ASSETS = '/_app/';
const YEAR_S = 365 * 24 * 3600;

export interface WebApp {
  readonly folder: string;
  sendPage(reply: FastifyReply): void;
}

/** @returns null when the pages are not built. @throws when the build is not what it should be */
export async function openWebApp(folder: string): Promise<WebApp | null> {
  let page: string;
  try {
    page = await readFile(join(folder, 'index.html'), 'utf8');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return null;
    throw error;
  }
  // The build knows the hash of its one inline script.
  const policy = /http-equiv="content-security-policy" content="([^"]+)"/.exec(page)?.[1];
  if (policy === undefined) throw new Error(`The pages in ${folder} have no policy: build them again.`);
  return {
    folder,
    sendPage(reply) {
      void reply
        .status(200)
        .headers({
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': `${policy}; frame-ancestors 'none'`,
          'cache-control': 'no-cache',
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
          'cross-origin-opener-policy': 'same-origin',
        })
        .send(page);
    },
  };
}

/** Somebody opens an address in a browser; programs do not ask for HTML. */
export function isPageRequest(request: FastifyRequest): boolean {
  if (request.method !== 'GET' || request.routeOptions.url !== undefined) return false;
  if (request.url.startsWith('/api/') || request.url.startsWith(ASSETS) || request.url.startsWith('/component/'))
    return false;
  return request.headers.accept?.includes('text/html') === true;
}

/** What `/` answers to programs that know it from earlier servers. */
export const ALIVE = { status: 'ok' } as const;

export function wantsJson({ headers: { accept = '' } }: FastifyRequest): boolean {
  return accept.includes('application/json') && !accept.includes('text/html');
}

export function isAsset(route: string): boolean {
  return route.startsWith(ASSETS);
}

export async function webPages(app: FastifyInstance, web: WebApp): Promise<void> {
  app.get('/', { schema: { hide: true } }, (request, reply) =>
    wantsJson(request) ? void reply.send(ALIVE) : web.sendPage(reply),
  );
  await app.register(fastifyStatic, {
    root: join(web.folder, ASSETS),
    prefix: ASSETS,
    schemaHide: true,
    preCompressed: true,
    cacheControl: false,
    setHeaders(reply, path) {
      // Their names change with their contents.
      const lasting = path.includes('/immutable/');
      reply.header('cache-control', lasting ? `public, max-age=${YEAR_S}, immutable` : 'no-cache');
      reply.header('x-content-type-options', 'nosniff');
    },
  });
}
