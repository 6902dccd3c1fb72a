/** A font of a rendition: measures and encodes text, one character at a time. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { PDFDocument, PDFFont } from 'pdf-lib';

const FILES = { regular: 'ttf/DejaVuSans.ttf', bold: 'ttf/DejaVuSans-Bold.ttf' } as const;

/** Shown for a character that the font lacks; every font of ours has it. */
const REPLACEMENT = '\u25a1';

/** No shaping: then a character has one glyph of one width wherever it stands, and both are kept after the first time. */
const WITHOUT_SHAPING = { liga: false, clig: false, calt: false, kern: false, ccmp: false, locl: false, rlig: false };

interface Glyph {
  readonly hex: string;
  /** At size 1. */
  readonly width: number;
}

export class Font {
  readonly pdfFont: PDFFont;
  readonly #known: ReadonlySet<number>;
  readonly #glyphs = new Map<string, Glyph>();
  #missing = false;

  private constructor(pdfFont: PDFFont) {
    this.pdfFont = pdfFont;
    this.#known = new Set(pdfFont.getCharacterSet());
  }

  static async embed(document: PDFDocument, style: keyof typeof FILES): Promise<Font> {
    const require = createRequire(import.meta.url);
    const bytes = await readFile(require.resolve(`dejavu-fonts-ttf/${FILES[style]}`));
    return new Font(await document.embedFont(bytes, { subset: true, features: WITHOUT_SHAPING }));
  }

  /** Whether a character was asked for that the font lacks. */
  get missedGlyphs(): boolean {
    return this.#missing;
  }

  width(text: string, size: number): number {
    let width = 0;
    for (const character of text) width += this.#glyph(character).width;
    return width * size;
  }

  /** @returns the operand of the operator Tj */
  encode(text: string): string {
    let hex = '';
    for (const character of text) hex += this.#glyph(character).hex;
    return `<${hex}>`;
  }

  #glyph(character: string): Glyph {
    const known = this.#glyphs.get(character);
    if (known !== undefined) return known;
    const has = this.#known.has(character.codePointAt(0)!);
    if (!has) this.#missing = true;
    const shown = has ? character : REPLACEMENT;
    const glyph = { hex: this.pdfFont.encodeText(shown).asString(), width: this.pdfFont.widthOfTextAtSize(shown, 1) };
    this.#glyphs.set(character, glyph);
    return glyph;
  }
}
