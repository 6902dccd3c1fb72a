/** A proxy in front of a real PostgreSQL that counts what it is asked, whatever connection it comes by. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CountingProxy {
  /** The URL of the database, by way of the proxy. */
  readonly url: string;
  /** Statements since the last call, with their text. */
  taken(): readonly string[];
  stop(): Promise<void>;
}

export async function startCountingProxy(targetUrl: string): Promise<CountingProxy> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  let statements: string[] = [];
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    const hear = createReader((text) => statements.push(text));
    client.on('data', hear);
    client.pipe(upstream);
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(targetUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    taken() {
      const all = statements;
      statements = [];
      return all;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Understands what a client sends: a greeting without a type, then messages of a type, a length and a content. */
function createReader(told: (statement: string) => void): (bytes: Buffer) => void {
  let rest = Buffer.alloc(0);
  let greeted = false;
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      const head = greeted ? 1 : 0;
      if (rest.length < head + 4) return;
      const end = head + rest.readInt32BE(head);
      if (rest.length < end) return;
      const content = rest.subarray(head + 4, end);
      const type = greeted ? String.fromCharCode(rest[0]!) : '';
      greeted = true;
      if (type === 'Q') told(textAt(content, 0));
      // A prepared statement has a name before its text.
      else if (type === 'P') told(textAt(content, content.indexOf(0) + 1));
      rest = rest.subarray(end);
    }
  };
}

function textAt(content: Buffer, begin: number): string {
  return content.subarray(begin, content.indexOf(0, begin)).toString('utf8').replace(/\s+/g, ' ').trim();
}
