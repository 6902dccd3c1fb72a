/** The embeddable component: files that any page may load. They hold no data; what they show is asked for with a token. */
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

export const COMPONENT_FILES = '/component/';
const HOUR_S = 3600;

/** @param folder of the build of the pages */
export async function componentFiles(app: FastifyInstance, folder: string): Promise<void> {
  await app.register(fastifyStatic, {
    root: join(folder, COMPONENT_FILES),
    prefix: COMPONENT_FILES,
    decorateReply: false,
    schemaHide: true,
    preCompressed: true,
    cacheControl: false,
    index: false,
    setHeaders(reply) {
      // Their names stay: a page names them once and for all.
      reply.header('cache-control', `public, max-age=${HOUR_S}`);
      reply.header('x-content-type-options', 'nosniff');
      reply.header('access-control-allow-origin', '*');
      reply.header('cross-origin-resource-policy', 'cross-origin');
    },
  });
}
