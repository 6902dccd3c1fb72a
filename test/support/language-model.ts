/** A language model that answers whatever a test wants, and remembers what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ModelQuestion {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Of the passages, in the order of their numbers. */
  readonly passages: readonly string[];
  /** Whether the asker has hung up before there was an answer. */
  readonly wasLeft: () => boolean;
}

export type ModelBehaviour = (question: ModelQuestion, response: ServerResponse) => void;

export interface TestModel {
  readonly endpoint: string;
  readonly questions: readonly ModelQuestion[];
  /** How it answers from now on; what was asked before is forgotten. */
  does(behaviour: ModelBehaviour): void;
  stop(): Promise<void>;
}

export async function startLanguageModel(): Promise<TestModel> {
  let behaviour: ModelBehaviour = (_, response) => response.writeHead(500).end();
  const questions: ModelQuestion[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    let left = false;
    response.once('close', () => {
      left = !response.writableFinished;
    });
    const { messages } = JSON.parse(body) as { messages: { role: string; content: string }[] };
    const material = JSON.parse(messages.at(-1)!.content) as { passages: { text: string }[] };
    const passages = material.passages.map(({ text }) => text);
    const question = { path: request.url ?? '', headers: request.headers, body, passages, wasLeft: () => left };
    questions.push(question);
    behaviour(question, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    questions,
    does(next) {
      behaviour = next;
      questions.length = 0;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** As services write it that speak so. */
export function says(response: ServerResponse, content: unknown): void {
  const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }];
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ object: 'chat.completion', choices }));
}

/** Statements, as it was asked for. */
export const states =
  (...statements: readonly { readonly text: string; readonly passages: readonly unknown[] }[]): ModelBehaviour =>
  (_, response) =>
    says(response, JSON.stringify({ statements }));
