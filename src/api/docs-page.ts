/** `/docs`: the routes for a person, to read and to try. */
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { HttpError } from './errors.ts';

/** Where the page and its files are. */
export const DOCS = '/docs';

/**
 * Everything comes from here and asks only here. The package's own policy lets fonts and a validator come from elsewhere, and
 * turns http into https, which nobody serves on the own machine. Its styles are written into the page by its script.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export async function docsPage(app: FastifyInstance): Promise<void> {
  await app.register(fastifySwaggerUi, {
    routePrefix: DOCS,
    staticCSP: POLICY,
    theme: { title: 'Chartsync' },
    // A key that is typed in is forgotten with the page.
    uiConfig: { docExpansion: 'list', persistAuthorization: false, validatorUrl: null, tryItOutEnabled: false },
    uiHooks: {
      // The package would serve the description again beside /openapi.json; one is enough.
      onRequest: (request, reply, next) => {
        const route = request.routeOptions.url;
        if (route === `${DOCS}/json`) return void reply.redirect('../openapi.json');
        next(route === `${DOCS}/yaml` ? new HttpError(404, 'not_found', 'There is no such route.') : undefined);
      },
    },
  });
}
