/** Text of a picture, by Tesseract. */
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { normaliseText } from './normalise-text.ts';

const MAX_OUTPUT = 4 * 1024 * 1024;

export interface OcrOptions {
  readonly program: string;
  readonly languages: string;
  readonly workFolder: string;
  /** Dots per inch of the picture. */
  readonly resolution: number;
}

/**
 * @returns normalised text, empty when there is none
 * @throws when Tesseract fails, e.g. because a language is not installed
 */
export async function readPicture(png: Buffer, options: OcrOptions): Promise<string> {
  const path = join(options.workFolder, 'page.png');
  await writeFile(path, png);
  try {
    const args = [path, 'stdout', '-l', options.languages, '--dpi', String(options.resolution)];
    const { stdout } = await promisify(execFile)(options.program, args, { maxBuffer: MAX_OUTPUT });
    return normaliseText(stdout);
  } finally {
    await rm(path, { force: true });
  }
}
