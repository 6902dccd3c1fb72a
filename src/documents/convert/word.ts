/** Word documents: by mammoth, which knows their structure; by LibreOffice when that fails. */
import mammoth from 'mammoth';
import { Refusal } from '../refusal.ts';
import { type HtmlBlock, htmlBlocks } from '../rendition/html-blocks.ts';
import { checkZip } from '../zip-check.ts';
import type { Converted, Source } from './converter.ts';
import { convertOffice } from './office.ts';
import { setBlocks } from './set-blocks.ts';

export async function convertWord(source: Source): Promise<Converted> {
  const { bytes, job } = source;
  // A parser holds the whole of it, as bytes and as a tree.
  await checkZip(bytes, job.limits.memoryBytes / 4);
  let blocks: HtmlBlock[];
  try {
    const { value } = await mammoth.convertToHtml({ buffer: bytes });
    blocks = htmlBlocks(value);
  } catch {
    if (job.programs.libreoffice !== undefined) return convertOffice(source);
    throw new Refusal('document_corrupt');
  }
  if (blocks.length === 0) throw new Refusal('document_empty');
  return setBlocks(blocks, job);
}
