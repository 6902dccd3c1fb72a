/** How long answers take, by route: a URL would carry patients' ids, and each would be a series of its own. */
import type { FastifyInstance } from 'fastify';
import { Histogram } from 'prom-client';

export interface RequestTimes {
  readonly histogram: Histogram;
  watch(app: FastifyInstance): void;
}

const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function createRequestTimes(): RequestTimes {
  const histogram = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the request to the end of its answer, by route and class of the status.',
    labelNames: ['method', 'route', 'status'],
    buckets: BOUNDS,
    // One for each server, not one for the process.
    registers: [],
  });
  return {
    histogram,
    watch(app) {
      app.addHook('onResponse', async (request, reply) => {
        const route = request.routeOptions.url ?? 'none';
        const status = `${Math.floor(reply.statusCode / 100)}xx`;
        histogram.observe({ method: request.method, route, status }, reply.elapsedTime / 1000);
      });
    },
  };
}
