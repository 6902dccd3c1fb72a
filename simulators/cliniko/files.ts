/** Where the bytes of documents are: another origin, with links that are signed, expire, and refuse a second authentication. */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import type { Faults } from './faults.ts';
import { readForm } from './multipart.ts';
import { type Seconds, secondsOf } from './time.ts';

const BUCKET = 'sample-bucket';
/** The bucket puts the name of the file here. */
const PLACEHOLDER = `$\{filename}`;
const MAX_UPLOAD = 64 * 1024 * 1024;

export class Files {
  readonly #server: Server;
  readonly #secret = randomBytes(16);
  readonly #faults: Faults;
  readonly #now: () => Date;
  /** What can be fetched, by path; made when it is asked for. */
  readonly #documents = new Map<string, { name: string; type: string; bytes: () => Buffer }>();
  readonly #uploads = new Map<string, Buffer>();
  /** Of every request: what it asked for, whether it brought a key, and how it was answered. */
  readonly requests: { method: string; path: string; authorized: boolean; status: number }[] = [];
  #origin = '';

  constructor(faults: Faults, now: () => Date) {
    this.#faults = faults;
    this.#now = now;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
  }

  get origin(): string {
    return this.#origin;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    this.#origin = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A link to a document, good for as long as the switch says. */
  link(path: string, document: { name: string; type: string; bytes: () => Buffer }): string {
    this.#documents.set(path, document);
    const expires = this.#seconds() + this.#faults.attachments.linkSeconds;
    return `${this.#origin}/${path}?X-Amz-Expires=${expires}&X-Amz-Signature=${this.#sign(path, expires)}`;
  }

  /** What a form needs to put one file here. */
  presignedPost(prefix: string): { url: string; fields: Record<string, string> } {
    const key = `${prefix}/${randomBytes(12).toString('hex')}/${PLACEHOLDER}`;
    const day = new Date(this.#now()).toISOString().slice(0, 10).replaceAll('-', '');
    return {
      url: `${this.#origin}/`,
      fields: {
        acl: 'private',
        key,
        policy: Buffer.from(JSON.stringify({ key })).toString('base64'),
        success_action_status: '201',
        'x-amz-algorithm': 'AWS4-HMAC-SHA256',
        'x-amz-credential': `AKIASAMPLE/${day}/ap-southeast-2/s3/aws4_request`,
        'x-amz-date': `${day}T000000Z`,
        'x-amz-signature': this.#sign(key, 0),
      },
    };
  }

  /** @returns what was uploaded, once: afterwards the temporary file is gone. Undefined for any other address. */
  takeUpload(url: string): { name: string; bytes: Buffer } | undefined {
    const prefix = `${this.#origin}/`;
    const key = url.startsWith(prefix) ? url.slice(prefix.length) : '';
    const bytes = this.#uploads.get(key);
    if (!bytes) return undefined;
    this.#uploads.delete(key);
    return { name: key.split('/').slice(6).join('/'), bytes };
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.#origin);
    const entry = { method: request.method ?? 'GET', path: url.pathname, authorized: false, status: 0 };
    entry.authorized = request.headers.authorization !== undefined;
    this.requests.push(entry);
    response.once('close', () => {
      entry.status = response.statusCode;
    });
    if (request.headers.authorization !== undefined) {
      refuse(response, 400, 'InvalidArgument', 'Only one auth mechanism allowed');
    } else if (request.method === 'POST' && url.pathname === '/') await this.#upload(request, response);
    else if (request.method === 'GET') this.#download(url, response);
    else refuse(response, 405, 'MethodNotAllowed', 'The specified method is not allowed');
  }

  #download(url: URL, response: ServerResponse): void {
    const path = url.pathname.slice(1);
    const { download } = this.#faults.attachments;
    const expires = Number(url.searchParams.get('X-Amz-Expires'));
    const signed = url.searchParams.get('X-Amz-Signature') === this.#sign(path, expires);
    if (!signed || expires <= this.#seconds() || download === 'expired') {
      refuse(response, 403, 'AccessDenied', signed ? 'Request has expired' : 'Access Denied');
      return;
    }
    const document = this.#documents.get(path);
    if (!document || download === 'missing') {
      refuse(response, 404, 'NoSuchKey', 'The specified key does not exist.');
      return;
    }
    if (download === 'html') {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html><body>Please sign in</body></html>');
      return;
    }
    if (download === 'error') {
      refuse(response, 500, 'InternalError', 'We encountered an internal error. Please try again.');
      return;
    }
    if (download === 'redirect') {
      response.writeHead(307, { Location: url.href }).end();
      return;
    }
    const bytes = document.bytes();
    if (download === 'endless') {
      response.writeHead(200, { 'Content-Type': document.type });
      Readable.from(endlessly(bytes)).pipe(response);
      return;
    }
    response.writeHead(200, {
      'Content-Type': document.type,
      'Content-Length': bytes.length,
      'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(document.name)}`,
      ETag: `"${createHash('md5').update(bytes).digest('hex')}"`,
    });
    if (download === 'stall') response.write(bytes.subarray(0, Math.floor(bytes.length / 2)));
    else if (download !== 'truncated') response.end(bytes);
    else response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.socket?.end());
  }

  async #upload(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = await readForm(request, MAX_UPLOAD);
    const template = form?.fields.get('key') ?? '';
    if (!form || form.fields.get('x-amz-signature') !== this.#sign(template, 0)) {
      refuse(response, 403, 'AccessDenied', 'Invalid according to Policy');
      return;
    }
    const key = template.replace(PLACEHOLDER, () => form.file.name);
    this.#uploads.set(key, form.file.bytes);
    const location = `${this.#origin}/${encodeURIComponent(key)}`;
    const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse><Location>${location}</Location><Bucket>${BUCKET}</Bucket><Key>${escapeXml(key)}</Key><ETag>"${createHash('md5').update(form.file.bytes).digest('hex')}"</ETag></PostResponse>`;
    response.writeHead(201, { 'Content-Type': 'application/xml' }).end(xml);
  }

  #sign(path: string, expires: number): string {
    return createHmac('sha256', this.#secret).update(`${path} ${expires}`).digest('hex');
  }

  #seconds(): Seconds {
    return secondsOf(this.#now());
  }
}

function* endlessly(bytes: Buffer): Generator<Buffer> {
  for (;;) yield bytes;
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.writeHead(status, { 'Content-Type': 'application/xml' }).end(xml);
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
