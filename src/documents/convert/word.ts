/** Word documents: by mammoth, which knows their structure; by LibreOffice when that fails. */
import mammoth from 'mammoth';
import { Refusal } from '../refusal.ts';
import { type HtmlBlock, htmlBlocks } from '../rendition/html-blocks.ts';
import { checkZip } from '../zip-check.ts';
import type { Converted, Source } from './converter.ts';
import { convertOffice } from './office.ts';
import { setBlocks } from './set-blocks.ts';
import { isPart, readMargins } from './word-margins.ts';

export async function convertWord(source: Source): Promise<Converted> {
  const { bytes, job } = source;
  // A parser holds the whole of it, as bytes and as a tree.
  const margins = readMargins(await checkZip(bytes, job.limits.memoryBytes / 4, isPart));
  let body: HtmlBlock[];
  try {
    const { value } = await mammoth.convertToHtml({ buffer: bytes });
    body = htmlBlocks(value);
  } catch {
    if (job.programs.libreoffice !== undefined) return convertOffice(source);
    throw new Refusal('document_corrupt');
  }
  const { headers, footers, hasImages } = margins;
  const blocks = [
    ...headers.map(paragraph),
    ...(headers.length > 0 ? [RULE] : []),
    ...body,
    ...(footers.length > 0 ? [RULE] : []),
    ...footers.map(paragraph),
  ];
  if (blocks.length === 0) throw new Refusal('document_empty');
  return setBlocks(blocks, job, { warnings: hasImages ? ['image_left_out'] : [] });
}

const RULE: HtmlBlock = { kind: 'rule' };

/** Once for the document, not on each page: where Word's pages end is Word's affair. */
function paragraph(text: string): HtmlBlock {
  return { kind: 'paragraph', text, indent: 0 };
}
