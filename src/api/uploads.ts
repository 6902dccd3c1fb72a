/** Files of a multipart request on their way into the blob store: through a file of our own, never whole in memory. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { SyncError } from '../domain/errors.ts';
import { blobName } from '../ports/blob-store.ts';
import { HttpError } from './errors.ts';
import type { ApiServices } from './services.ts';

export interface StoredFile {
  readonly originalName: string;
  readonly mimeType: string | null;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** A file that was not stored. */
export interface RefusedFile {
  readonly refused: string;
}

export interface UploadedParts {
  readonly files: readonly (StoredFile | RefusedFile)[];
  /** Texts by name, in the order in which they came. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
}

const FIELD_BYTES = 64 * 1024;

/**
 * Stores every file of the request. What no document comes to name is released later by itself.
 * @throws HttpError 400, 413, 415
 */
export async function storeParts(
  services: ApiServices,
  request: FastifyRequest,
  organizationId: string,
  maxFiles: number,
): Promise<UploadedParts> {
  if (!request.isMultipart()) throw new HttpError(415, 'invalid_request', 'The body is multipart/form-data.');
  await mkdir(services.scratch, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(services.scratch, 'upload-'));
  const files: (StoredFile | RefusedFile)[] = [];
  const fields = new Map<string, string[]>();
  const limits = { fileSize: services.maxFileSize, files: maxFiles, fieldSize: FIELD_BYTES, fields: 2 * maxFiles + 10 };
  try {
    for await (const part of request.parts({ limits })) {
      if (part.type === 'file') files.push(await storeFile(services, organizationId, folder, part));
      else fields.set(part.fieldname, [...(fields.get(part.fieldname) ?? []), String(part.value)]);
    }
  } catch (error) {
    throw refusalOf(error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { files, fields };
}

async function storeFile(
  services: ApiServices,
  organizationId: string,
  folder: string,
  part: MultipartFile,
): Promise<StoredFile | RefusedFile> {
  const path = join(folder, randomUUID());
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      done(null, chunk);
    },
  });
  await pipeline(part.file, count, createWriteStream(path, { mode: 0o600 }));
  try {
    if (part.file.truncated) return { refused: `The file is larger than ${services.maxFileSize} bytes.` };
    if (sizeBytes === 0) return { refused: 'The file is empty.' };
    const sha256 = hash.digest('hex');
    const name = blobName(organizationId, sha256);
    const announced = await services.desk.announce(organizationId, { sha256, size: sizeBytes });
    const content = { size: sizeBytes, sha256, open: () => createReadStream(path) };
    // Who is told that it is stored throws the original away: what the records say of an earlier one is not enough.
    await services.blobs.put(name, content, undefined, { distrust: announced === 'stored' });
    return { originalName: nameOf(part.filename), mimeType: part.mimetype || null, sha256, sizeBytes };
  } finally {
    await rm(path, { force: true });
  }
}

/** Some clients send a path. */
function nameOf(fileName: string | undefined): string {
  return fileName?.split(/[/\\]/).at(-1)?.trim() || 'document';
}

function refusalOf(error: unknown): unknown {
  if (error instanceof HttpError || error instanceof SyncError) return error;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  if (code === 'ENOSPC' || code === 'EDQUOT') return new SyncError('home_disk_full', { cause: error });
  if (statusCode === 413)
    return new HttpError(413, 'invalid_request', 'There are too many files, or a field is too long.');
  // Whatever else the reader of the form says is about the form.
  return new HttpError(400, 'invalid_request', 'The form cannot be read.');
}
