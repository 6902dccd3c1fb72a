/**
 * A proxy in front of a real database that stops a chosen statement on its way until the test lets it go on, so that
 * something else can happen between two statements of one client.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface HeldStatement {
  /** Resolves when the statement has arrived at the proxy. */
  readonly arrived: Promise<void>;
  release(): void;
}

export interface SqlProxy {
  /** The URL of the database, by way of the proxy. */
  readonly url: string;
  /** Stops the next statement that contains the text. */
  hold(text: string): HeldStatement;
  /** Breaks every connection. */
  cut(): void;
  /** Breaks every connection, and every new one until `back`. */
  away(): void;
  back(): void;
  /** From now on nothing gets through on the connections that there are, and nobody is told; new ones are well. */
  lose(): void;
  stop(): Promise<void>;
}

export async function startSqlProxy(targetUrl: string): Promise<SqlProxy> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  const lost = new WeakSet<Socket>();
  let wanted: { text: string; arrive: () => void; released: Promise<void> } | null = null;

  let isAway = false;

  const server = createServer((client) => {
    if (isAway) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    upstream.on('data', (bytes) => {
      if (!lost.has(upstream)) client.write(bytes);
    });
    upstream.on('end', () => client.end());
    client.on('data', (bytes) => {
      if (lost.has(client)) return;
      if (wanted === null || !bytes.includes(wanted.text)) {
        upstream.write(bytes);
        return;
      }
      const { arrive, released } = wanted;
      wanted = null;
      client.pause();
      arrive();
      void released.then(() => {
        upstream.write(bytes);
        client.resume();
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(targetUrl);
  url.port = String((server.address() as AddressInfo).port);

  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    hold(text) {
      const arrived = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      wanted = { text, arrive: arrived.resolve, released: released.promise };
      return { arrived: arrived.promise, release: released.resolve };
    },
    cut,
    away() {
      isAway = true;
      cut();
    },
    back() {
      isAway = false;
    },
    lose() {
      for (const socket of sockets) lost.add(socket);
    },
    async stop() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
