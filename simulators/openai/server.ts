/** The HTTP side: who asks, what is asked for, and the faults that a test wants. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerTo, Refusal } from './routes.ts';
import { createState, type Switches } from './state.ts';

export interface AskedRequest {
  readonly method: string;
  /** Without the prefix and the query, such as `/vector_stores/vs_1/files`. */
  readonly path: string;
}

export type Fault =
  | { readonly kind: 'answer'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: 'lose-answer' }
  | { readonly kind: 'silence' };

export interface OpenAiOptions extends Partial<Switches> {
  readonly apiKey: string;
  /** Default: a free one. */
  readonly port?: number;
}

export interface OpenAiStandIn extends Switches {
  /** Ends with `/v1`. */
  readonly url: string;
  readonly origin: string;
  readonly requests: AskedRequest[];
  /** Asked about each request. */
  plan: (request: AskedRequest) => Fault | null;
  /** How many files it keeps, attached or not. */
  fileCount(): number;
  stop(): Promise<void>;
}

export async function startOpenAi(options: OpenAiOptions): Promise<OpenAiStandIn> {
  const { apiKey, port = 0, ...given } = options;
  const switches: Switches = {
    indexingMs: 0,
    deletionMs: 0,
    failIndexing: null,
    stuck: false,
    countsLie: false,
    ...given,
  };
  const requests: AskedRequest[] = [];

  const server = createServer((request, response) => {
    void handle(request, response).catch(() => response.destroy());
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const path = url.pathname.replace(/^\/(openai\/v1|openai|v1)(?=\/)/, '');
    const method = request.method ?? 'GET';
    const asked = { method, path };
    requests.push(asked);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const fault = standIn.plan(asked);
    if (fault?.kind === 'silence') return;
    if (fault?.kind === 'answer') return send(response, fault.status, errorBody('A fault.'), fault.headers);
    const key = request.headers['api-key'] ?? request.headers.authorization?.replace(/^Bearer /, '');
    if (key !== apiKey) return send(response, 401, errorBody('Incorrect API key provided.'));
    try {
      const contentType = request.headers['content-type'] ?? '';
      const answer = await answerTo({
        method,
        path,
        query: url.searchParams,
        contentType,
        body: Buffer.concat(chunks),
        state,
        switches: standIn,
      });
      if (fault?.kind === 'lose-answer') response.destroy();
      else send(response, 200, answer);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      send(response, error.status, errorBody(error.message));
    }
  }

  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const standIn: OpenAiStandIn = {
    ...switches,
    origin,
    url: `${origin}/v1`,
    requests,
    plan: () => null,
    fileCount: () => state.files.size,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  const state = createState(standIn);
  return standIn;
}

function errorBody(message: string) {
  return { error: { message, type: 'invalid_request_error', param: null, code: null } };
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
