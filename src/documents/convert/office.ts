/** Older Office documents, by LibreOffice when it is installed. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Refusal } from '../refusal.ts';
import type { Converted, Source } from './converter.ts';

/** LibreOffice looks at the name as well, so it is given the right one. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  'application/msword': 'doc',
  'application/rtf': 'rtf',
  'application/vnd.oasis.opendocument.text': 'odt',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
};

/** No macros, and nothing is fetched from an address that a document names. */
const SETTINGS = `<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
${[
  ['DisableMacrosExecution', 'true'],
  ['DisableActiveContent', 'true'],
  ['BlockUntrustedRefererLinks', 'true'],
  ['MacroSecurityLevel', '3'],
]
  .map(
    ([name, value]) =>
      `<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="${name}" oor:op="fuse"><value>${value}</value></prop></item>`,
  )
  .join('\n')}
</oor:items>
`;

export async function convertOffice({ bytes, type, job }: Source): Promise<Converted> {
  const program = job.programs.libreoffice;
  if (program === undefined) throw new Refusal('document_converter_missing', null, 'libreoffice');
  const profile = join(job.workFolder, 'profile');
  const output = join(job.workFolder, 'output');
  const input = join(job.workFolder, `document.${EXTENSIONS[type] ?? 'bin'}`);
  await mkdir(join(profile, 'user'), { recursive: true });
  await mkdir(output);
  await writeFile(join(profile, 'user', 'registrymodifications.xcu'), SETTINGS);
  await writeFile(input, bytes);
  const options = ['--headless', '--norestore', '--nolockcheck', '--nodefault', '--nologo'];
  const profileOption = `-env:UserInstallation=${pathToFileURL(profile).href}`;
  try {
    await promisify(execFile)(program, [...options, profileOption, '--convert-to', 'pdf', '--outdir', output, input]);
  } catch {
    throw new Refusal('document_corrupt');
  }
  // It ends with 0 also when it could not read the document.
  const [result] = await readdir(output);
  if (result === undefined) throw new Refusal('document_corrupt');
  // pdf.js wants no Buffer.
  const pdf = new Uint8Array(await readFile(join(output, result)));
  return { pdf, pages: null, mailDate: null, warnings: [] };
}
