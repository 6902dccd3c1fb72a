/** Sets blocks as PDF. */
import { normaliseText } from '../normalise-text.ts';
import type { Block } from './block.ts';
import { breakLines } from './line-break.ts';
import { PageWriter, type TextStyle } from './page-writer.ts';

const BODY: TextStyle = { font: 'regular', size: 10 };
const CELL: TextStyle = { font: 'regular', size: 8 };
const HEADINGS: Readonly<Record<1 | 2 | 3, TextStyle>> = {
  1: { font: 'bold', size: 15 },
  2: { font: 'bold', size: 12.5 },
  3: { font: 'bold', size: 11 },
};
const INDENT = 16;
const MAX_INDENT = 8;
const PARAGRAPH_SPACE = 5;
const CELL_GAP = 6;
/** More beside each other cannot be read; the rest follows below. */
const COLUMNS_PER_BAND = 8;

export interface Rendition {
  readonly pdf: Uint8Array;
  /** Normalised text of each page. */
  readonly pages: readonly string[];
  readonly missedGlyphs: boolean;
}

/** @throws Refusal document_too_large */
export async function renderBlocks(
  blocks: Iterable<Block> | AsyncIterable<Block>,
  options: { readonly landscape: boolean; readonly maxPages: number },
): Promise<Rendition> {
  const writer = await PageWriter.create(options);
  for await (const block of blocks) await renderBlock(writer, block);
  const { pdf, pages } = await writer.finish();
  return { pdf, pages: pages.map(normaliseText), missedGlyphs: writer.missedGlyphs };
}

async function renderBlock(writer: PageWriter, block: Block): Promise<void> {
  switch (block.kind) {
    case 'heading': {
      const style = HEADINGS[block.level];
      writer.space(PARAGRAPH_SPACE);
      // A heading at the foot of a page belongs to the next one.
      writer.makeRoom(style.size * 4);
      text(writer, block.text, style, 0);
      writer.space(PARAGRAPH_SPACE);
      return;
    }
    case 'paragraph':
      text(writer, block.text, BODY, Math.min(block.indent, MAX_INDENT) * INDENT);
      writer.space(PARAGRAPH_SPACE);
      return;
    case 'table':
      table(writer, block.rows);
      writer.space(PARAGRAPH_SPACE);
      return;
    case 'image':
      await writer.image(block.jpeg);
      writer.space(PARAGRAPH_SPACE);
      return;
    case 'rule':
      writer.rule();
      writer.space(PARAGRAPH_SPACE);
      return;
    case 'unseen':
      for (const row of block.rows) writer.unseen(row.map((cell) => printable(cell).replace(/\n/g, ' ')).join('\t'));
  }
}

function text(writer: PageWriter, content: string, style: TextStyle, left: number): void {
  for (const line of breakLines(printable(content), writer.width - left, (part) => writer.measure(part, style))) {
    writer.row([{ text: line, left }], style);
  }
}

function table(writer: PageWriter, rows: readonly (readonly string[])[]): void {
  const columns = rows.reduce((most, row) => Math.max(most, row.length), 0);
  for (let first = 0; first < columns; first += COLUMNS_PER_BAND) {
    const count = Math.min(COLUMNS_PER_BAND, columns - first);
    if (first > 0) writer.rule();
    const columnWidth = writer.width / count;
    for (const row of rows) tableRow(writer, row.slice(first, first + count), columnWidth);
  }
}

function tableRow(writer: PageWriter, cells: readonly string[], columnWidth: number): void {
  const lines = cells.map((cell) =>
    breakLines(printable(cell), columnWidth - CELL_GAP, (part) => writer.measure(part, CELL)),
  );
  const height = lines.reduce((most, cell) => Math.max(most, cell.length), 0);
  for (let line = 0; line < height; line++) {
    writer.row(
      lines.map((cell, column) => ({ text: cell[line] ?? '', left: column * columnWidth })),
      CELL,
    );
  }
}

/** Keeps runs of blanks, which lay out tables in typed letters, unlike the normalised text. */
function printable(content: string): string {
  return content
    .toWellFormed()
    .normalize('NFC')
    .replace(/\r\n?|[\u2028\u2029\f\v]/g, '\n')
    .replace(/\t/g, '    ')
    .replace(/\u00a0/g, ' ')
    .replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u200b\ufeff]/g, '');
}
