/**
 * Which pages of other origins may use the routes of one patient (CORS). None, unless the configuration names them. An allowed
 * origin gives no right to anything: the token does, and cookies are never sent along.
 */
import cors from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const HEADERS = ['authorization', 'content-type', 'last-event-id', 'if-match', 'if-none-match', 'x-silknote-user-uuid'];
const MAX_AGE_S = 600;

/** Before anything that asks who calls: the browser's question before a request comes without the token. */
export async function allowComponentOrigins(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  const allowed = new Set(origins);
  const routes: { readonly method: string; readonly path: RegExp }[] = [];
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.component === undefined) return;
    const path = new RegExp(`^${url.replace(/:[A-Za-z]+/g, '[^/]+')}/?$`);
    for (const name of Array.isArray(method) ? method : [method]) routes.push({ method: name, path });
  });
  const isComponent = (request: FastifyRequest) => {
    if (request.method !== 'OPTIONS') return request.routeOptions.config.component !== undefined;
    const wanted = request.headers['access-control-request-method'];
    const path = request.url.split('?')[0] ?? '';
    return routes.some((route) => route.method === wanted && route.path.test(path));
  };
  await app.register(cors, {
    delegator: (request, callback) => {
      const { origin } = request.headers;
      const may = origin !== undefined && allowed.has(origin) && isComponent(request);
      callback(null, {
        origin: may ? origin : false,
        methods: ['GET', 'HEAD', 'POST', 'DELETE', 'PATCH', 'PUT'],
        allowedHeaders: HEADERS,
        exposedHeaders: ['x-request-id', 'retry-after', 'etag'],
        maxAge: MAX_AGE_S,
        credentials: false,
        strictPreflight: true,
      });
    },
  });
}
