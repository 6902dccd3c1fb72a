/**
 * Nobody waits for a record database that is frozen. It takes questions and never answers, so no question fails: the requests
 * that asked are refused here, and those that come meanwhile at once, until it answers again. What is under way in it is left
 * alone – it goes on when the database does.
 */
import { Readable } from 'node:stream';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SyncError } from '../domain/errors.ts';

export interface DatabasePatienceOptions {
  /** @throws when the database does not answer */
  readonly check: () => Promise<unknown>;
  /** Whether a request is answered without it. */
  readonly isIndependent: (request: FastifyRequest) => boolean;
}

/** A request that is younger is no reason to look. */
const PATIENT_MS = 6000;
/** One answer that is late says little about a busy machine. */
const SILENT_MS = 5000;
const LOOK_MS = 2000;
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const OPEN_END = 'Whether what was asked for is done shows when it answers again.';

/** Hooks into every request; before any hook that asks the database. */
export function limitPatience(app: FastifyInstance, options: DatabasePatienceOptions): void {
  const open = new Map<FastifyReply, { readonly request: FastifyRequest; readonly since: number }>();
  /** Of the first look that got no answer; null: the last one got one. */
  let silentSince: number | null = null;
  let away = false;
  let looking = false;
  let timer: NodeJS.Timeout | null = null;

  app.addHook('onRequest', async (request, reply) => {
    if (options.isIndependent(request)) return;
    if (away) throw new SyncError('database_unavailable');
    open.set(reply, { request, since: performance.now() });
    reply.raw.once('close', () => open.delete(reply));
    timer ??= setInterval(() => void look(app.log), LOOK_MS).unref();
  });
  app.addHook('onClose', async () => stop());

  function stop(): void {
    if (timer !== null) clearInterval(timer);
    timer = null;
  }

  /** Of requests that have no byte of an answer; streams have begun theirs and keep their heartbeat. */
  function waiting(now: number): [FastifyReply, FastifyRequest][] {
    return [...open]
      .filter(([reply, { since }]) => now - since >= PATIENT_MS && !reply.raw.headersSent)
      .map(([reply, { request }]) => [reply, request]);
  }

  async function look(log: FastifyBaseLogger): Promise<void> {
    const begun = performance.now();
    if (!away && silentSince === null && waiting(begun).length === 0) {
      if (open.size === 0) stop();
      return;
    }
    if (looking) return;
    looking = true;
    try {
      await options.check();
      away = false;
      silentSince = null;
    } catch {
      silentSince ??= begun;
      if (performance.now() - silentSince < SILENT_MS) return;
      if (!away) {
        log.error(
          { code: 'database_unavailable' },
          'the record database is silent; requests are refused until it answers',
        );
      }
      away = true;
      for (const [reply, request] of waiting(performance.now())) refuse(reply, request);
    } finally {
      looking = false;
    }
  }
}

/** Past its handler, which still waits. */
function refuse(reply: FastifyReply, request: FastifyRequest): void {
  void reply.send(new SyncError('database_unavailable', SAFE.has(request.method) ? {} : { detail: OPEN_END }));
  // What the handler says later is heard by nobody; a file that it has opened must not stay open.
  reply.send = (late?: unknown) => {
    if (late instanceof Readable) late.destroy();
    return reply;
  };
}
