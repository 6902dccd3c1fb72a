/**
 * Blocks of an HTML document. Only text, structure and images that are in the document itself get through: scripts,
 * styles, forms and whatever an address refers to are not even looked at.
 */
import { Parser } from 'htmlparser2';
import { Refusal } from '../refusal.ts';
import type { Block } from './block.ts';

const LEFT_OUT = new Set([
  'script',
  'style',
  'head',
  'template',
  'noscript',
  'svg',
  'math',
  'object',
  'iframe',
  'select',
]);
const BREAKS = new Set(
  'address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form header html li main nav ol p pre section summary ul'.split(
    ' ',
  ),
);
const LISTS = new Set(['ul', 'ol', 'blockquote']);

/** Pages are nested some dozens deep. */
const MAX_DEPTH = 20_000;

interface Table {
  readonly rows: string[][];
  /** A table with another one inside, or with images, lays out a page: its cells are paragraphs. */
  layout: boolean;
}

export interface EmbeddedImage {
  readonly kind: 'embedded-image';
  readonly bytes: Buffer;
}

export type HtmlBlock = Exclude<Block, { kind: 'image' }> | EmbeddedImage;

/** @returns blocks and the images as they are in the document, for the caller to check and decode */
export function htmlBlocks(html: string): HtmlBlock[] {
  const reader = new HtmlReader();
  let depth = 0;
  const parser = new Parser(
    {
      onopentag: (name, attributes) => {
        // The parser's work grows with the square of it.
        if (++depth > MAX_DEPTH) throw new Refusal('document_too_large', `It is nested more than ${MAX_DEPTH} deep.`);
        reader.open(name, attributes);
      },
      ontext: (text) => reader.text(text),
      onclosetag: (name) => {
        depth--;
        reader.close(name);
      },
    },
    { decodeEntities: true, lowerCaseTags: true },
  );
  parser.write(html);
  parser.end();
  return reader.finish();
}

class HtmlReader {
  readonly #blocks: HtmlBlock[] = [];
  readonly #tables: Table[] = [];
  #text: string[] = [];
  #heading: 1 | 2 | 3 | null = null;
  #leftOut = 0;
  #preformatted = 0;
  #indent = 0;
  #bullet = '';

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    if (LEFT_OUT.has(name)) this.#leftOut++;
    if (this.#leftOut > 0) return;
    if (/^h[1-6]$/.test(name)) {
      this.#flush();
      this.#heading = Math.min(Number(name[1]), 3) as 1 | 2 | 3;
    } else if (BREAKS.has(name)) {
      this.#flush();
      if (LISTS.has(name)) this.#indent++;
      if (name === 'li') this.#bullet = '•';
      if (name === 'pre') this.#preformatted++;
    } else if (name === 'br') this.#text.push('\n');
    else if (name === 'hr') {
      this.#flush();
      this.#blocks.push({ kind: 'rule' });
    } else if (name === 'table') this.#openTable();
    else if (name === 'tr') this.#tables.at(-1)?.rows.push([]);
    else if (name === 'td' || name === 'th') this.#openCell();
    else if (name === 'img') this.#image(attributes.src ?? '');
  }

  text(text: string): void {
    if (this.#leftOut === 0) this.#text.push(this.#preformatted > 0 ? text : text.replace(/\s+/g, ' '));
  }

  close(name: string): void {
    if (LEFT_OUT.has(name)) {
      this.#leftOut = Math.max(0, this.#leftOut - 1);
      return;
    }
    if (this.#leftOut > 0) return;
    if (/^h[1-6]$/.test(name)) {
      this.#flush();
      this.#heading = null;
    } else if (BREAKS.has(name)) {
      this.#flush();
      if (LISTS.has(name)) this.#indent = Math.max(0, this.#indent - 1);
      if (name === 'pre') this.#preformatted = Math.max(0, this.#preformatted - 1);
    } else if (name === 'td' || name === 'th') this.#closeCell();
    else if (name === 'table') this.#closeTable();
  }

  finish(): HtmlBlock[] {
    while (this.#tables.length > 0) this.#closeTable();
    this.#flush();
    return this.#blocks;
  }

  #inCell(): boolean {
    const table = this.#tables.at(-1);
    return table !== undefined && !table.layout;
  }

  #takeText(): string {
    const text = this.#text
      .join('')
      .replace(/ *\n */g, this.#preformatted > 0 ? '$&' : '\n')
      .replace(/^[\n ]+|[\n ]+$/g, '');
    this.#text = [];
    return text;
  }

  /** Ends a paragraph. In a cell of a table it is only a new line. */
  #flush(): void {
    if (this.#inCell()) {
      if (this.#text.length > 0 && this.#text.at(-1) !== '\n') this.#text.push('\n');
      return;
    }
    const text = this.#takeText();
    if (text === '') return;
    if (this.#heading !== null) this.#blocks.push({ kind: 'heading', level: this.#heading, text });
    else {
      const shown = this.#bullet === '' ? text : `${this.#bullet} ${text}`;
      this.#blocks.push({ kind: 'paragraph', text: shown, indent: this.#indent });
    }
    this.#bullet = '';
  }

  #openTable(): void {
    const outer = this.#tables.at(-1);
    if (outer !== undefined) this.#makeLayout(outer);
    this.#flush();
    this.#tables.push({ rows: [], layout: false });
  }

  /** What is written between the cells, such as a caption, is shown before the table. */
  #openCell(): void {
    if (!this.#inCell()) return;
    const text = this.#takeText();
    if (text !== '') this.#blocks.push({ kind: 'paragraph', text, indent: this.#indent });
  }

  #closeCell(): void {
    const table = this.#tables.at(-1);
    if (table === undefined || table.layout) {
      this.#flush();
      return;
    }
    if (table.rows.length === 0) table.rows.push([]);
    table.rows.at(-1)!.push(this.#takeText());
  }

  #closeTable(): void {
    const table = this.#tables.at(-1);
    if (table === undefined) return;
    if (!table.layout && this.#text.length > 0) this.#closeCell();
    this.#tables.pop();
    const rows = table.rows.filter((row) => row.some((cell) => cell !== ''));
    if (!table.layout && rows.length > 0) this.#blocks.push({ kind: 'table', rows });
  }

  /** The cells so far become paragraphs, and so does what follows. */
  #makeLayout(table: Table): void {
    if (table.layout) return;
    for (const cell of table.rows.flat()) {
      if (cell !== '') this.#blocks.push({ kind: 'paragraph', text: cell, indent: this.#indent });
    }
    table.rows.length = 0;
    table.layout = true;
    this.#flush();
  }

  #image(source: string): void {
    const data = /^data:image\/[a-z0-9.+-]+;base64,/i.exec(source);
    if (data === null) return;
    const table = this.#tables.at(-1);
    if (table !== undefined) this.#makeLayout(table);
    this.#flush();
    this.#blocks.push({ kind: 'embedded-image', bytes: Buffer.from(source.slice(data[0].length), 'base64') });
  }
}
