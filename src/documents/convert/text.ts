/** Plain text, and HTML. */
import { Refusal } from '../refusal.ts';
import { type HtmlBlock, htmlBlocks } from '../rendition/html-blocks.ts';
import { decodeText } from '../text-encoding.ts';
import type { Converted, Source } from './converter.ts';
import { setBlocks } from './set-blocks.ts';

export async function convertText({ bytes, job }: Source): Promise<Converted> {
  return setBlocks(textBlocks(decodeText(bytes)), job);
}

export async function convertHtml({ bytes, job }: Source): Promise<Converted> {
  const blocks = htmlBlocks(decodeText(bytes));
  if (blocks.length === 0) throw new Refusal('document_empty');
  return setBlocks(blocks, job);
}

/** Paragraph by paragraph, so that a long text is set piece by piece. */
export function* textBlocks(text: string): Generator<HtmlBlock> {
  if (text.trim() === '') throw new Refusal('document_empty');
  let lines: string[] = [];
  for (const line of text.split(/\r\n?|\n/)) {
    if (line.trim() !== '') {
      lines.push(line.trimEnd());
      if (lines.length < 200) continue;
    }
    if (lines.length > 0) yield { kind: 'paragraph', text: lines.join('\n'), indent: 0 };
    lines = [];
  }
  if (lines.length > 0) yield { kind: 'paragraph', text: lines.join('\n'), indent: 0 };
}
