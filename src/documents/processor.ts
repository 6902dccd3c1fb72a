/** The processing of documents in worker processes. See the port for its contract. */
import { access, constants, mkdtemp, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { localDate } from '../domain/clinic-day.ts';
import { ERROR_CATALOGUE, SyncError } from '../domain/errors.ts';
import type {
  DocumentContent,
  DocumentInput,
  DocumentProgram,
  MergedPdf,
  ProcessedDocument,
  ProcessOptions,
  RefusedDocument,
} from '../ports/document-content.ts';
import type { Job, MergeJob, Refused } from './job.ts';
import { findProgram } from './programs.ts';
import { retryAdvice } from './refusal.ts';
import { RESULT_FILES } from './result-files.ts';
import { WorkerPool } from './worker-pool.ts';

export interface DocumentProcessorOptions {
  /** Documents at a time. Each may use `limits.memoryBytes`. */
  readonly workers: number;
  /** Where programs are looked for, as in the environment variable PATH. */
  readonly searchPath: string;
  /** Tesseract's codes of the languages of the documents; absent: English. */
  readonly ocrLanguages?: readonly string[];
  readonly documentsPerWorker?: number;
  readonly idleMemoryBytes?: number;
  readonly idleMs?: number;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

export function createDocumentProcessor(options: DocumentProcessorOptions): DocumentContent {
  return new DocumentProcessor(options);
}

class DocumentProcessor implements DocumentContent {
  readonly #options: DocumentProcessorOptions;
  readonly #pool: WorkerPool;

  constructor(options: DocumentProcessorOptions) {
    this.#options = options;
    this.#pool = new WorkerPool({
      workers: options.workers,
      documentsPerWorker: options.documentsPerWorker ?? 500,
      idleMemoryBytes: options.idleMemoryBytes ?? 340 * 1024 * 1024,
      idleMs: options.idleMs ?? 60_000,
      searchPath: options.searchPath,
    });
  }

  async process(input: DocumentInput, options: ProcessOptions): Promise<ProcessedDocument | RefusedDocument> {
    const { limits, signal } = options;
    if (signal.aborted) throw new SyncError('cancelled');
    const size = await sizeOf(input.path);
    if (size === 0) return refusal('document_empty');
    if (size > limits.inputBytes) {
      return refusal('document_too_large', `It has ${size} bytes; the limit is ${limits.inputBytes} bytes.`);
    }
    const folder = resolve(options.folder);
    const workFolder = await workFolderIn(folder);
    const result = await this.#run(
      this.#job({ ...input, path: resolve(input.path) }, options, folder, workFolder),
      signal,
    );
    if (result.verdict === 'merged') throw machineFailure(null);
    return result;
  }

  async merge(
    files: readonly string[],
    { folder: given, limits, signal }: Pick<ProcessOptions, 'folder' | 'limits' | 'signal'>,
  ): Promise<MergedPdf | RefusedDocument> {
    if (signal.aborted) throw new SyncError('cancelled');
    for (const file of files) await sizeOf(file);
    const folder = resolve(given);
    const workFolder = await workFolderIn(folder);
    const result = await this.#run({ files: files.map((file) => resolve(file)), limits, folder, workFolder }, signal);
    if (result.verdict === 'processed') throw machineFailure(null);
    return result;
  }

  installed(): ReadonlySet<DocumentProgram> {
    return new Set(Object.keys(this.#programs()) as DocumentProgram[]);
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** Leaves no file where it has no result. */
  async #run(job: Job | MergeJob, signal: AbortSignal): Promise<ProcessedDocument | MergedPdf | RefusedDocument> {
    let done = false;
    try {
      const answer = await this.#pool.run(job, signal);
      if (answer.kind === 'failed') throw machineFailure(answer.code);
      if (answer.result.verdict === 'refused') return refusedDocument(answer.result);
      done = true;
      return answer.result;
    } finally {
      const leftovers = done ? [] : RESULT_FILES.map((name) => join(job.folder, name));
      await Promise.all([job.workFolder, ...leftovers].map((path) => rm(path, { recursive: true, force: true })));
    }
  }

  #job(input: DocumentInput, options: ProcessOptions, folder: string, workFolder: string): Job {
    const timeZone = options.timeZone ?? 'UTC';
    return {
      input,
      limits: options.limits,
      ocr: options.ocr,
      thumbnail: options.thumbnail,
      folder,
      workFolder,
      programs: this.#programs(),
      ocrLanguages: (this.#options.ocrLanguages ?? ['eng']).join('+'),
      timeZone,
      today: localDate(this.#options.now?.() ?? Date.now(), timeZone),
    };
  }

  #programs(): Job['programs'] {
    const programs: Partial<Record<DocumentProgram, string>> = {};
    for (const program of ['libreoffice', 'tesseract'] as const) {
      const path = findProgram(program, this.#options.searchPath);
      if (path !== null) programs[program] = path;
    }
    return programs;
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    const info = await stat(path);
    await access(path, constants.R_OK);
    if (info.isFile()) return info.size;
  } catch (cause) {
    throw new SyncError('file_unreadable', { cause });
  }
  throw new SyncError('file_unreadable');
}

async function workFolderIn(folder: string): Promise<string> {
  try {
    return await mkdtemp(join(folder, 'work-'));
  } catch (cause) {
    throw machineFailure((cause as NodeJS.ErrnoException).code ?? null);
  }
}

function machineFailure(code: string | null): SyncError {
  if (code === 'ENOSPC' || code === 'EDQUOT') return new SyncError('home_disk_full');
  return new SyncError('unexpected', code === null ? {} : { detail: `The system says ${code}.` });
}

function refusal(code: Refused['code'], detail: string | null = null): RefusedDocument {
  return refusedDocument({
    verdict: 'refused',
    code,
    detail,
    retry: retryAdvice(code),
    missing: null,
    detectedType: null,
  });
}

function refusedDocument({ code, detail, retry, missing, detectedType }: Refused): RefusedDocument {
  const { summary } = ERROR_CATALOGUE[code];
  const reason = detail === null ? summary : `${summary} ${detail}`;
  return { verdict: 'refused', code, reason, retry, missing, detectedType };
}
