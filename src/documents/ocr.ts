/** Text of a picture, by Tesseract. */
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { normaliseText } from './normalise-text.ts';
import { findProgram } from './programs.ts';

const MAX_OUTPUT = 4 * 1024 * 1024;

export interface OcrOptions {
  readonly program: string;
  readonly languages: string;
  readonly workFolder: string;
  /** Dots per inch of the picture. */
  readonly resolution: number;
  readonly signal: AbortSignal;
}

/**
 * @returns normalised text, empty when there is none
 * @throws when Tesseract fails, e.g. because a language is not installed, or is ended by the signal
 */
export async function readPicture(png: Buffer, options: OcrOptions): Promise<string> {
  const path = join(options.workFolder, 'page.png');
  await writeFile(path, png);
  try {
    const args = [path, 'stdout', '-l', options.languages, '--dpi', String(options.resolution)];
    const { stdout } = await promisify(execFile)(options.program, args, {
      maxBuffer: MAX_OUTPUT,
      signal: options.signal,
      killSignal: 'SIGKILL',
    });
    return normaliseText(stdout);
  } finally {
    await rm(path, { force: true });
  }
}

const LIST_MS = 10_000;

/**
 * @param searchPath folders as in the environment variable PATH
 * @returns those that Tesseract has no data for: it reads in the others. Empty when it is not installed, or does not say
 */
export async function missingLanguages(languages: readonly string[], searchPath: string): Promise<readonly string[]> {
  const program = findProgram('tesseract', searchPath);
  if (program === null) return [];
  try {
    const { stdout } = await promisify(execFile)(program, ['--list-langs'], { timeout: LIST_MS });
    const there = new Set(stdout.split('\n').map((line) => line.trim()));
    return languages.filter((language) => !there.has(language));
  } catch {
    return [];
  }
}
