/** Programs of the machine that documents are given to. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { DocumentProgram } from '../ports/document-content.ts';

const COMMANDS: Readonly<Record<DocumentProgram, readonly string[]>> = {
  libreoffice: ['soffice', 'libreoffice'],
  tesseract: ['tesseract'],
};

/**
 * @param searchPath folders as in the environment variable PATH
 * @returns the absolute path of the program, or null when it is not installed
 */
export function findProgram(program: DocumentProgram, searchPath: string): string | null {
  for (const folder of searchPath.split(delimiter)) {
    if (folder === '') continue;
    for (const command of COMMANDS[program]) {
      const path = join(folder, command);
      if (isExecutable(path)) return path;
    }
  }
  return null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
