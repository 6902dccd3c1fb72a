/**
 * The content of an attachment, in two hops: Cliniko answers with a signed link to its store of files, which is fetched without
 * the key. That store refuses requests with two authentications, and the key is nobody else's business.
 *
 * - The link leads to a host that is trusted, or it is not followed; a further redirect is never followed.
 * - The bytes go into a file of ours. They are taken when they are as many as Cliniko and the answer say, and of that type.
 * - A link is good for a short time: every try asks for a new one.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SyncError } from '../../domain/errors.ts';
import type { FetchedContent, WantedContent } from '../../ports/clinic-source.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { RequestContext } from './http.ts';

/** What a file is by its bytes. */
export type ContentType = (content: {
  readonly head: Buffer;
  readonly size: number;
  readAt(position: number, length: number): Promise<Uint8Array>;
}) => Promise<string | null>;

export interface ContentOptions {
  readonly userAgent: string;
  /** Without any byte for so long, the store of files counts as away. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly attempts: number;
  readonly retryDelayMs: number;
  /** Where files are kept until they are stored; readable by us only. */
  readonly folder: string;
  /** Hosts that are trusted beside the vendor's. */
  readonly hosts: readonly string[];
  readonly contentType: ContentType;
  readonly clock: Clock;
  readonly random: Random;
}

/** Amazon S3, where Cliniko keeps files, in each way of writing the name of a bucket. */
const VENDOR_STORE = /^([a-z0-9-]+\.)*s3([.-][a-z0-9-]+)*\.amazonaws\.com$/;
const VENDOR_API = /\.cliniko\.com$/;
/** Slower than so many bytes a second, no content comes to its end. */
const LEAST_SPEED = 20 * 1024;
const HEAD_BYTES = 64 * 1024;
const LONGEST_RETRY_MS = 30_000;

/** @param base the address of the API. @throws SyncError `attachment_link_refused` */
export function trustedLink(location: string, base: URL, hosts: readonly string[]): URL {
  const link = URL.parse(location, base.href);
  const host = link?.hostname ?? '';
  const isTrusted =
    link?.protocol === 'https:'
      ? VENDOR_STORE.test(host) || VENDOR_API.test(host) || hosts.includes(host) || isBesideStandIn(link, base)
      : link?.protocol === 'http:' && isBesideStandIn(link, base);
  if (link === null || !isTrusted || link.username !== '' || link.password !== '') {
    // Never the whole link: it lets its holder read the file.
    const named = /^[a-z0-9.-]{1,253}$/.test(host) ? ` Host: ${host}.` : '';
    throw new SyncError('attachment_link_refused', { detail: `It is neither Amazon S3 nor named.${named}` });
  }
  return link;
}

/** A stand-in for Cliniko keeps its files on its own machine. */
function isBesideStandIn(link: URL, base: URL): boolean {
  return !VENDOR_API.test(base.hostname) && link.hostname === base.hostname;
}

/**
 * @param ask asks Cliniko for the address of what is at a path below its own, with the key; null: it names none
 * @returns a file that the caller closes
 */
export async function fetchContent(
  options: ContentOptions,
  base: URL,
  wanted: WantedContent,
  ask: (path: string) => Promise<string | null>,
  { signal }: RequestContext,
): Promise<FetchedContent> {
  const { clock, random } = options;
  if (wanted.sizeBytes !== null && wanted.sizeBytes > options.maxBytes) throw tooLarge(options);
  if (wanted.sizeBytes === 0) throw new SyncError('file_empty');
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  for (let attempt = 1; ; attempt++) {
    try {
      const link = trustedLink(await whereIs(wanted, ask), base, options.hosts);
      return await download(options, link, wanted, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SyncError) || error.action !== 'retry' || attempt >= options.attempts) throw error;
      const ceiling = Math.min(LONGEST_RETRY_MS, options.retryDelayMs * 2 ** (attempt - 1));
      await clock.sleep(random.next() * ceiling, signal);
    }
  }
}

const BELOW = '/content';

async function whereIs({ contentPath }: WantedContent, ask: (path: string) => Promise<string | null>): Promise<string> {
  try {
    const given = await ask(contentPath);
    // Some links name the record: its content is below it.
    const found = given === null && !contentPath.endsWith(BELOW) ? await ask(`${contentPath}${BELOW}`) : given;
    if (found === null) throw mismatch('Cliniko names no place of the content.');
    return found;
  } catch (error) {
    const isGone = error instanceof SyncError && error.detail?.startsWith('Status: 404.') === true;
    throw isGone ? new SyncError('attachment_missing', { cause: error }) : error;
  }
}

function tooLarge({ maxBytes }: ContentOptions): SyncError {
  return new SyncError('file_too_large', { detail: `Limit: ${maxBytes} bytes.` });
}

async function download(
  options: ContentOptions,
  link: URL,
  wanted: WantedContent,
  signal: AbortSignal,
): Promise<FetchedContent> {
  const path = join(options.folder, `attachment-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600).catch((error) => {
    throw diskError(error);
  });
  const close = async () => {
    await file.close().catch(() => undefined);
    await rm(path, { force: true });
  };
  try {
    const { sha256, size, head } = await receive(options, link, wanted, signal, file);
    const readAt = async (position: number, length: number) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    };
    const mimeType = await options.contentType({ head, size, readAt });
    return { sha256, size, mimeType, open: () => createReadStream(path), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function receive(
  options: ContentOptions,
  link: URL,
  wanted: WantedContent,
  signal: AbortSignal,
  file: FileHandle,
): Promise<{ sha256: string; size: number; head: Buffer }> {
  const idle = new AbortController();
  const expected = wanted.sizeBytes ?? options.maxBytes;
  const late = AbortSignal.timeout(options.timeoutMs + Math.ceil((expected / LEAST_SPEED) * 1000));
  let timer = setTimeout(() => idle.abort(), options.timeoutMs);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => idle.abort(), options.timeoutMs);
  };
  const stop = AbortSignal.any([signal, idle.signal, late]);
  try {
    // No authorization here, and no redirect.
    const response = await fetch(link, {
      headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': options.userAgent },
      redirect: 'manual',
      signal: stop,
    });
    alive();
    if (response.status !== 200) {
      await response.body?.cancel();
      throw refusal(response.status, link);
    }
    const announced = announcedSize(response);
    if (announced !== null && announced > options.maxBytes) throw await left(response, tooLarge(options));
    if (isAnotherType(response, wanted)) throw await left(response, mismatch('It is a page, not a file.'));
    const hash = createHash('sha256');
    let head = Buffer.alloc(0);
    let size = 0;
    for await (const part of response.body ?? []) {
      alive();
      size += part.byteLength;
      if (size > options.maxBytes) throw tooLarge(options);
      if (size > (wanted.sizeBytes ?? announced ?? size)) throw mismatch('More came than was told.');
      hash.update(part);
      if (head.length < HEAD_BYTES) head = Buffer.concat([head, part.subarray(0, HEAD_BYTES - head.length)]);
      await write(file, part);
    }
    for (const told of [announced, wanted.sizeBytes]) {
      if (told !== null && told !== size) throw mismatch(`${size} of ${told} bytes came.`);
    }
    if (announced === null && wanted.sizeBytes === null) throw mismatch('Nothing tells how large it is.');
    if (size === 0) throw new SyncError('file_empty');
    return { sha256: hash.digest('hex'), size, head };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SyncError) throw error;
    if (idle.signal.aborted || late.aborted) throw unavailable(link, 'It took too long.', error);
    throw isBrokenOff(error) ? mismatch('It broke off.', error) : unavailable(link, '', error);
  } finally {
    clearTimeout(timer);
  }
}

async function write(file: FileHandle, part: Uint8Array): Promise<void> {
  try {
    for (let done = 0; done < part.byteLength; ) done += (await file.write(part, done)).bytesWritten;
  } catch (error) {
    throw diskError(error);
  }
}

function announcedSize(response: Response): number | null {
  // Of an encoded body it would be the encoded size.
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  const text = response.headers.get('content-length');
  return encoding === 'identity' && text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

const PAGES = /^(text\/html|application\/xhtml\+xml|(application|text)\/xml)\b/i;

/** Pages for people and errors of stores come as HTML and XML, sometimes with status 200. */
function isAnotherType(response: Response, { mimeType }: WantedContent): boolean {
  const isFile = mimeType?.includes('/') === true && !mimeType.startsWith('invalid/');
  return isFile && !PAGES.test(mimeType ?? '') && PAGES.test(response.headers.get('content-type') ?? '');
}

async function left(response: Response, error: SyncError): Promise<SyncError> {
  await response.body?.cancel().catch(() => undefined);
  return error;
}

function refusal(status: number, link: URL): SyncError {
  const detail = `Status: ${status}.`;
  if (status === 404 || status === 410) return new SyncError('attachment_missing', { detail });
  if (status >= 500 || status === 408 || status === 429) return unavailable(link, detail);
  if (status >= 300 && status < 400) {
    return new SyncError('attachment_link_refused', { detail: 'It leads to yet another place.' });
  }
  return new SyncError('attachment_refused', { detail });
}

function mismatch(detail: string, cause?: unknown): SyncError {
  return new SyncError('attachment_mismatch', { detail, cause });
}

function unavailable(link: URL, detail: string, cause?: unknown): SyncError {
  return new SyncError('attachment_unavailable', { detail: `${detail} Host: ${link.hostname}.`.trim(), cause });
}

/** After the head of the answer had come: undici says so by `terminated`'s cause, or the socket's code. */
function isBrokenOff(error: unknown): boolean {
  const cause = (error as { cause?: { code?: unknown } }).cause?.code;
  return cause === 'UND_ERR_SOCKET' || cause === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || cause === 'ECONNRESET';
}

function diskError(error: unknown): unknown {
  const { code } = error as { code?: unknown };
  return code === 'ENOSPC' || code === 'EDQUOT' ? new SyncError('home_disk_full', { cause: error }) : error;
}
