/** Processing documents in tests. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DOCUMENT_LIMITS } from '../../src/documents/limits.ts';
import { readPages } from '../../src/documents/result-files.ts';
import type {
  DocumentContent,
  DocumentLimits,
  DocumentPage,
  ProcessedDocument,
  ProcessOptions,
  RefusedDocument,
} from '../../src/ports/document-content.ts';

export interface Processing {
  readonly result: ProcessedDocument | RefusedDocument;
  readonly pages: readonly DocumentPage[];
  /** What was in the folder at the end. */
  readonly files: readonly string[];
}

export interface ProcessingOptions extends Partial<Omit<ProcessOptions, 'folder' | 'limits'>> {
  readonly fileName?: string;
  readonly declaredType?: string;
  readonly limits?: Partial<DocumentLimits>;
  /** Looks at the files while they are there. */
  readonly look?: (result: ProcessedDocument | RefusedDocument) => Promise<void> | void;
}

/** Writes the bytes to a file of a folder that is removed at the end, and processes it there. */
export async function processBytes(
  content: DocumentContent,
  bytes: Uint8Array | string,
  options: ProcessingOptions = {},
): Promise<Processing> {
  const base = mkdtempSync(join(tmpdir(), 'chartsync-document-'));
  try {
    const folder = mkdtempSync(join(base, 'results-'));
    const path = join(base, 'original');
    writeFileSync(path, bytes);
    const result = await content.process(
      { path, fileName: options.fileName ?? null, declaredType: options.declaredType ?? null },
      {
        folder,
        limits: { ...DOCUMENT_LIMITS, ...options.limits },
        ocr: options.ocr ?? 'off',
        thumbnail: options.thumbnail ?? false,
        ...(options.timeZone === undefined ? {} : { timeZone: options.timeZone }),
        signal: options.signal ?? new AbortController().signal,
      },
    );
    await options.look?.(result);
    const processed = result.verdict === 'processed' ? result : null;
    return {
      result,
      pages: processed === null ? [] : await Array.fromAsync(readPages(processed.pages.path)),
      files: readdirSync(folder).sort(),
    };
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

/** Public PDFs that are difficult, from a folder beside the repository or one that is named. Not everybody has them. */
export function publicPdfs(): readonly string[] {
  const folder = process.env.CHARTSYNC_TEST_PDFS ?? new URL('../../../shared/inputs/pdf/', import.meta.url).pathname;
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.pdf'))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}
