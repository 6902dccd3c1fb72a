/** `/health`: how the parts are. `/ready`: can it work? Both without key, and without anything to learn from. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { isBookConnection } from '../../runs/connections.ts';
import type { ApiServices } from '../services.ts';

const Check = Type.Object({
  name: Type.Enum(['process', 'memory', 'environment', 'database', 'sync_queue', 'browser_pool']),
  status: Type.Enum(['pass', 'warn', 'fail']),
  message: Type.String(),
});
type Check = {
  name: 'process' | 'memory' | 'environment' | 'database' | 'sync_queue' | 'browser_pool';
  status: 'pass' | 'warn' | 'fail';
  message: string;
};

const Health = Type.Object({
  status: Type.Enum(['healthy', 'unhealthy']),
  service: Type.Literal('chartsync'),
  version: Type.String(),
  timestamp: Type.String({ format: 'date-time' }),
  uptime_seconds: Type.Integer({ minimum: 0 }),
  checks: Type.Array(Check),
});

/** Workers of earlier servers look for it below the address that they send documents to. */
export const HEALTH_PATHS = ['/health', '/api/process/health', '/api/vsrx-sync/health'] as const;

const MEGABYTE = 1024 * 1024;
const HEAP_LIMIT_MB = 900;
const WAITING_RUNS = 10;
/** Asked more often, the same answer: it needs no key, so it must not be a way to load the database. */
const KEPT_MS = 1000;

export function healthRoutes(app: FastifyInstance, services: ApiServices, version: string): void {
  let kept: { at: number; checks: Promise<Check[]> } | null = null;
  const checks = () => {
    if (kept === null || Date.now() - kept.at > KEPT_MS) kept = { at: Date.now(), checks: look(services) };
    return kept.checks;
  };
  const database = async () => (await checks()).find((check) => check.name === 'database')?.status === 'pass';

  for (const path of HEALTH_PATHS) {
    app.get(
      path,
      {
        schema: {
          hide: path !== '/health',
          summary: 'How the process and what it needs are',
          operationId: 'health',
          tags: ['state'],
          security: [],
          response: {
            200: { ...Health, description: 'No part fails.' },
            503: { ...Health, description: 'A part fails.' },
          },
        },
      },
      async (_request, reply) => {
        const all = await checks();
        const healthy = all.every((check) => check.status !== 'fail');
        return reply.status(healthy ? 200 : 503).send({
          status: healthy ? 'healthy' : 'unhealthy',
          service: 'chartsync',
          version,
          timestamp: new Date().toISOString(),
          uptime_seconds: Math.floor(process.uptime()),
          checks: all,
        });
      },
    );
  }
  app.get(
    '/ready',
    {
      schema: {
        summary: 'The process can work: its database answers',
        operationId: 'ready',
        tags: ['state'],
        security: [],
        response: {
          200: Type.Object(
            {
              ready: Type.Literal(true),
              status: Type.Literal('ready'),
              database: Type.Literal('ok'),
              timestamp: Type.String(),
            },
            { description: 'It can.' },
          ),
          503: Type.Object(
            {
              ready: Type.Literal(false),
              status: Type.Literal('not ready'),
              database: Type.Literal('unavailable'),
              message: Type.String(),
              timestamp: Type.String(),
            },
            { description: 'It cannot.' },
          ),
        },
      },
    },
    async (_request, reply) => {
      const timestamp = new Date().toISOString();
      if (await database())
        return { ready: true as const, status: 'ready' as const, database: 'ok' as const, timestamp };
      return reply.status(503).send({
        ready: false as const,
        status: 'not ready' as const,
        database: 'unavailable',
        message: 'The record database does not answer.',
        timestamp,
      });
    },
  );
}

async function look(services: ApiServices): Promise<Check[]> {
  const heap = Math.round(process.memoryUsage().heapUsed / MEGABYTE);
  const memory: Check = {
    name: 'memory',
    status: heap > HEAP_LIMIT_MB ? 'fail' : heap > HEAP_LIMIT_MB / 2 ? 'warn' : 'pass',
    message: `${heap} MB of JavaScript objects.`,
  };
  const result: Check[] = [{ name: 'process', status: 'pass', message: 'It answers.' }, memory];
  try {
    const waiting = await services.checkDatabase();
    result.push({ name: 'database', status: 'pass', message: 'It answers.' });
    result.push(
      waiting === null
        ? { name: 'sync_queue', status: 'warn', message: 'How many runs wait is not known now.' }
        : {
            name: 'sync_queue',
            status: waiting >= WAITING_RUNS ? 'warn' : 'pass',
            message: `${waiting} ${waiting === 1 ? 'run waits' : 'runs wait'}.`,
          },
    );
  } catch {
    result.push({ name: 'database', status: 'fail', message: 'It does not answer.' });
  }
  result.push(environment(services));
  const pool = browserPool(services);
  return pool === null ? result : [...result, pool];
}

/** What is configured is looked at when it is loaded: here only whether there is anything to do. Which, is nobody's business. */
function environment({ connections }: ApiServices): Check {
  return connections.length === 0
    ? { name: 'environment', status: 'warn', message: 'No connection is configured.' }
    : { name: 'environment', status: 'pass', message: 'It is configured.' };
}

/** @returns null when no connection needs a browser */
function browserPool({ connections, browsers }: ApiServices): Check | null {
  if (!connections.some(isBookConnection)) return null;
  const { inUse, total, available, installed } = browsers();
  // A process that only answers needs none.
  if (!installed) return { name: 'browser_pool', status: 'warn', message: 'There is no browser to log in with.' };
  return {
    name: 'browser_pool',
    status: available === 0 ? 'warn' : 'pass',
    message: `${inUse} of ${total} browsers are in use.`,
  };
}
