/**
 * Pages of a PDF, filled from top to bottom. Writes the operators of a page itself and compresses them when the page is
 * full: pdf-lib's own drawing keeps an object for each, which a long text turns into gigabytes.
 */
import fontkit from '@pdf-lib/fontkit';
import { PDFDocument, type PDFImage, PDFName, type PDFPage } from 'pdf-lib';
import { Refusal } from '../refusal.ts';
import { Font } from './font.ts';

const A4 = { width: 595.28, height: 841.89 };
const MARGIN = 48;
const LEADING = 1.35;

export interface TextStyle {
  readonly font: 'regular' | 'bold';
  readonly size: number;
}

export class PageWriter {
  readonly width: number;
  readonly #pageSize: [number, number];
  readonly #document: PDFDocument;
  readonly #fonts: Readonly<Record<TextStyle['font'], Font>>;
  readonly #maxPages: number;
  readonly #texts: string[] = [];
  #page: PDFPage | null = null;
  #operators: string[] = [];
  #lines: string[] = [];
  /** Distance from the top margin. */
  #used = 0;

  private constructor(
    document: PDFDocument,
    fonts: Readonly<Record<TextStyle['font'], Font>>,
    landscape: boolean,
    maxPages: number,
  ) {
    this.#document = document;
    this.#fonts = fonts;
    this.#maxPages = maxPages;
    this.#pageSize = landscape ? [A4.height, A4.width] : [A4.width, A4.height];
    this.width = this.#pageSize[0] - 2 * MARGIN;
  }

  static async create(options: { readonly landscape: boolean; readonly maxPages: number }): Promise<PageWriter> {
    const document = await PDFDocument.create();
    document.registerFontkit(fontkit);
    const fonts = { regular: await Font.embed(document, 'regular'), bold: await Font.embed(document, 'bold') };
    return new PageWriter(document, fonts, options.landscape, options.maxPages);
  }

  get height(): number {
    return this.#pageSize[1] - 2 * MARGIN;
  }

  get missedGlyphs(): boolean {
    return Object.values(this.#fonts).some((font) => font.missedGlyphs);
  }

  measure(text: string, style: TextStyle): number {
    return this.#fonts[style.font].width(text, style.size);
  }

  /** Texts beside each other, each line with its own distance from the left margin, on one line of the page. */
  row(cells: readonly { readonly text: string; readonly left: number }[], style: TextStyle): void {
    const height = style.size * LEADING;
    this.makeRoom(height);
    const y = this.#fromBottom(this.#used + style.size);
    for (const { text, left } of cells) {
      if (text === '') continue;
      const at = `1 0 0 1 ${number(MARGIN + left)} ${number(y)} Tm`;
      this.#operators.push(`BT /${style.font} ${style.size} Tf ${at} ${this.#fonts[style.font].encode(text)} Tj ET`);
    }
    this.#lines.push(cells.map((cell) => cell.text).join('\t'));
    this.#used += height;
  }

  /** In the text of the page only. */
  unseen(line: string): void {
    this.makeRoom(0);
    this.#lines.push(line);
  }

  rule(): void {
    this.makeRoom(6);
    const y = number(this.#fromBottom(this.#used + 2));
    this.#operators.push(`0.7 G 0.5 w ${MARGIN} ${y} m ${number(MARGIN + this.width)} ${y} l S`);
    this.#used += 6;
  }

  async image(jpeg: Uint8Array): Promise<void> {
    const image = await this.#document.embedJpg(jpeg);
    // At 96 dots per inch, as a browser shows it, but never larger than the page.
    const scale = Math.min(72 / 96, this.width / image.width, this.height / image.height);
    this.makeRoom(image.height * scale);
    this.#draw(image, image.width * scale, image.height * scale);
    this.#used += image.height * scale;
    // Otherwise all images of a long document wait for `save`, and each holds its bytes twice.
    await image.embed();
  }

  space(height: number): void {
    if (this.#used > 0) this.#used += height;
    if (this.#used > 0) this.#lines.push('');
  }

  /** Begins a new page unless `height` is left on this one. */
  makeRoom(height: number): void {
    if (this.#page !== null && this.#used + height <= this.height) return;
    if (this.#page !== null && this.#used === 0) return;
    this.#finishPage();
    if (this.#texts.length >= this.#maxPages) {
      throw new Refusal('document_too_large', `It has more than ${this.#maxPages} pages.`);
    }
    const page = this.#document.addPage(this.#pageSize);
    for (const [name, font] of Object.entries(this.#fonts)) {
      page.node.setFontDictionary(PDFName.of(name), font.pdfFont.ref);
    }
    this.#page = page;
    this.#used = 0;
  }

  /** @returns the PDF and the text of each page */
  async finish(): Promise<{ readonly pdf: Uint8Array; readonly pages: readonly string[] }> {
    if (this.#page === null) this.makeRoom(1);
    this.#finishPage();
    return { pdf: await this.#document.save(), pages: this.#texts };
  }

  #draw(image: PDFImage, width: number, height: number): void {
    const name = this.#page!.node.newXObject('Image', image.ref);
    const place = `${number(MARGIN)} ${number(this.#fromBottom(this.#used + height))}`;
    this.#operators.push(`q ${number(width)} 0 0 ${number(height)} ${place} cm ${name} Do Q`);
  }

  #fromBottom(used: number): number {
    return this.#pageSize[1] - MARGIN - used;
  }

  #finishPage(): void {
    if (this.#page === null) return;
    const { context } = this.#document;
    this.#page.node.addContentStream(context.register(context.flateStream(this.#operators.join('\n'))));
    this.#texts.push(this.#lines.join('\n'));
    this.#page = null;
    this.#operators = [];
    this.#lines = [];
  }
}

function number(value: number): string {
  return value.toFixed(2);
}
