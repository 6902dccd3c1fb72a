/** Floor of reading documents: pdf.js, page by page, in one process; nothing is drawn, stored or indexed. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { getDocument, VerbosityLevel } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { measureInside, subjectInput } from '../inside.ts';
import { filesBelow } from './files-below.ts';

export interface DocumentLoopInput {
  readonly folder: string;
  readonly files: number;
}

const input = subjectInput<DocumentLoopInput>();
const data = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'));

async function textOf(path: string): Promise<number> {
  const task = getDocument({
    data: new Uint8Array(await readFile(path)),
    verbosity: VerbosityLevel.ERRORS,
    standardFontDataUrl: join(data, 'standard_fonts') + sep,
    cMapUrl: join(data, 'cmaps') + sep,
    wasmUrl: join(data, 'wasm') + sep,
  });
  let letters = 0;
  try {
    const document = await task.promise;
    for (let number = 1; number <= document.numPages; number++) {
      const { items } = await (await document.getPage(number)).getTextContent();
      for (const item of items) if ('str' in item) letters += item.str.length;
    }
  } catch {
    // Some of them are damaged, or want a password.
  }
  await task.destroy();
  return letters;
}

await measureInside(
  async () => {
    let letters = 0;
    const files = (await filesBelow(input.folder)).filter((path) => path.endsWith('.pdf'));
    for (const path of files) letters += await textOf(path);
    return { files: files.length, letters };
  },
  ({ files, letters }) => {
    if (files !== input.files || letters === 0) throw new Error(`${files} files were read instead of ${input.files}`);
  },
);
