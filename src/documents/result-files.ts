/** The files that a processed document leaves in its folder, and how the large ones are read. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { DocumentPage } from '../ports/document-content.ts';

export const RENDITION_FILE = 'rendition.pdf';
export const PAGES_FILE = 'pages.jsonl';
export const THUMBNAIL_FILE = 'thumbnail.png';
export const MERGED_FILE = 'merged.pdf';

export const RESULT_FILES: readonly string[] = [RENDITION_FILE, PAGES_FILE, THUMBNAIL_FILE, MERGED_FILE];

/** @param path of `ProcessedDocument.pages` */
export async function* readPages(path: string): AsyncGenerator<DocumentPage> {
  for await (const line of lines(path)) yield JSON.parse(line) as DocumentPage;
}

/** JSON escapes line breaks, but not U+2028, which readline takes for one: the writer escapes it. */
async function* lines(path: string): AsyncGenerator<string> {
  const stream = createReadStream(path, 'utf8');
  try {
    yield* createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  } finally {
    stream.destroy();
  }
}
