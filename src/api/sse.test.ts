import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { expect, test } from 'vitest';
import { openEventStream } from './sse.ts';

const MEBIBYTE = 1024 * 1024;
/** More than the system keeps for two sockets. */
const MOST_SENT = 64;

test('whoever does not read is let go: nothing is kept for them without end', async () => {
  const sent = Promise.withResolvers<number>();
  const server = createServer(async (request, raw) => {
    const reply = { raw, getHeaders: () => ({}), hijack: () => undefined } as unknown as FastifyReply;
    const stream = openEventStream(request as unknown as FastifyRequest, reply, new AbortController().signal);
    let closed = false;
    stream.onClose(() => {
      closed = true;
    });
    let mebibytes = 0;
    for (; mebibytes < MOST_SENT && !closed; mebibytes++) {
      stream.send('documentUpdated', 'x'.repeat(MEBIBYTE), true);
      // What the system takes, it takes now.
      await new Promise(setImmediate);
    }
    sent.resolve(mebibytes);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const request = get({ port, host: '127.0.0.1' });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => undefined);
    expect(await sent.promise).toBeLessThan(MOST_SENT);
    response.destroy();
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
