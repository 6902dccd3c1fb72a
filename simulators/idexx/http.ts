/** Small helpers around node:http. */
import type { IncomingMessage, ServerResponse } from 'node:http';

const MAX_BODY = 1_000_000;

/** @throws RangeError for more than a megabyte */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_BODY) throw new RangeError('the body is too long');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

export function cookiesOf(request: IncomingMessage): Map<string, string> {
  const cookies = new Map<string, string>();
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0) cookies.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
  return cookies;
}

type Headers = Readonly<Record<string, string | string[]>>;

export function sendHtml(response: ServerResponse, status: number, html: string, headers: Headers = {}): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', ...headers });
  response.end(html);
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Headers = {}): void {
  sendText(response, status, JSON.stringify(body), headers);
}

/** JSON that may be broken. */
export function sendText(response: ServerResponse, status: number, text: string, headers: Headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
  response.end(text);
}

export function redirect(response: ServerResponse, location: string, cookies: string[] = []): void {
  response.writeHead(302, {
    location,
    'cache-control': 'no-store',
    ...(cookies.length ? { 'set-cookie': cookies } : {}),
  });
  response.end();
}

/** As a broken network does it. */
export function cut(request: IncomingMessage): void {
  request.socket.destroy();
}
