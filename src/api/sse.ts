/** Server-sent events: ids, a heartbeat, and an end. */
import type { FastifyReply, FastifyRequest } from 'fastify';

const HEARTBEAT_MS = 15_000;
const RECONNECT_MS = 2000;
const MOST_UNREAD = 4 * 1024 * 1024;

export interface EventStream {
  /** @param id a place to go on from; else a running number. Left out while the client reads too slowly, unless it matters: the next state replaces it anyway. */
  send(event: string, data: unknown, matters: boolean, id?: string): void;
  end(): void;
  /** Called once, whoever ends it. */
  onClose(callback: () => void): void;
}

/** Takes the answer over. @param stop ends the stream when the process stops: the client comes back to another one */
export function openEventStream(request: FastifyRequest, reply: FastifyReply, stop: AbortSignal): EventStream {
  const headers = reply.getHeaders();
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    ...(headers as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // Proxies that collect answers would keep the events to themselves.
    'x-accel-buffering': 'no',
  });
  raw.write(`retry: ${RECONNECT_MS}\n\n`);
  const lastId = Number(request.headers['last-event-id']);
  let id = Number.isSafeInteger(lastId) && lastId > 0 ? lastId : 0;
  let full = false;
  const closers: (() => void)[] = [];
  const heartbeat = setInterval(() => {
    if (!full) raw.write(': still here\n\n');
  }, HEARTBEAT_MS);
  const end = () => raw.end();
  raw.on('drain', () => {
    full = false;
  });
  raw.on('error', () => undefined);
  raw.once('close', () => {
    clearInterval(heartbeat);
    stop.removeEventListener('abort', end);
    for (const close of closers) close();
  });
  if (stop.aborted) end();
  stop.addEventListener('abort', end, { once: true });
  return {
    send(event, data, matters, place) {
      if (raw.writableEnded || raw.destroyed || (full && !matters)) return;
      // Whoever does not read would have everything kept for them: they come back, and go on after what they have.
      if (raw.writableLength > MOST_UNREAD) {
        raw.destroy();
        return;
      }
      full = !raw.write(`id: ${place ?? ++id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    end,
    onClose(callback) {
      if (raw.closed) callback();
      else closers.push(callback);
    },
  };
}
