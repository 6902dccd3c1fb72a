/**
 * A proxy in front of a real HTTP server, for the failures of the line between: lost answers, silence, changed bytes, refusals.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Fault =
  /** The server gets the request and does what it asks; its answer never arrives and the connection breaks. */
  | { readonly kind: 'lose-answer' }
  /** The connection stays open and nothing comes; with `afterBytes` the answer begins and then stops. */
  | { readonly kind: 'silence'; readonly afterBytes?: number }
  /** The answer begins and the connection breaks. */
  | { readonly kind: 'break-answer'; readonly afterBytes: number }
  /** The request is delivered only then, its sender may have given up; `delivered` hears when it has taken effect. */
  | { readonly kind: 'late'; readonly until: Promise<void>; readonly delivered: () => void }
  /** One bit of the request's body changes on its way. */
  | { readonly kind: 'change-body' }
  /** The proxy answers in the server's place. */
  | { readonly kind: 'answer'; readonly status: number; readonly headers?: Readonly<Record<string, string>> };

export interface ProxiedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
}

export interface FaultyProxy {
  readonly port: number;
  /** Every request since the start, in order. */
  readonly requests: ProxiedRequest[];
  /** Asked for every request; null forwards it unharmed. */
  plan: (request: ProxiedRequest) => Fault | null;
  stop(): Promise<void>;
}

export async function startFaultyProxy(targetPort: number): Promise<FaultyProxy> {
  const requests: ProxiedRequest[] = [];

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = '', headers } = incoming;
    const seen = { method, url: new URL(incoming.url ?? '/', 'http://127.0.0.1'), headers };
    requests.push(seen);
    const fault = proxy.plan(seen);
    const body = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>));
    if (fault?.kind === 'answer') {
      outgoing.writeHead(fault.status, fault.headers).end();
      return;
    }
    if (fault?.kind === 'silence' && fault.afterBytes === undefined) return;
    if (fault?.kind === 'late') await fault.until;
    if (fault?.kind === 'change-body') body[body.length - 1]! ^= 1;

    const forwarded = request({
      host: '127.0.0.1',
      port: targetPort,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.rawHeaders,
    });
    forwarded.end(body);
    const [answer] = (await once(forwarded, 'response')) as [IncomingMessage];
    const answerBody = Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>));
    if (fault?.kind === 'late') fault.delivered();
    if (fault?.kind === 'lose-answer') {
      outgoing.destroy();
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    if (fault?.kind === 'silence' || fault?.kind === 'break-answer') {
      outgoing.write(answerBody.subarray(0, fault.afterBytes), () => {
        if (fault.kind === 'break-answer') outgoing.destroy();
      });
      return;
    }
    outgoing.end(answerBody);
  }

  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: FaultyProxy = {
    port: (server.address() as AddressInfo).port,
    requests,
    plan: () => null,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}
