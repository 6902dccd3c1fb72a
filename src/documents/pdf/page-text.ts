/** The text of a page of a PDF: what is painted, and what was typed into its form. */
import type { PDFPageProxy } from 'pdfjs-dist';
import { normaliseText } from '../normalise-text.ts';

/**
 * @param maxLength in characters; a page of a million is made to fill memory, not to be read
 * @returns normalised text
 */
export async function pageText(page: PDFPageProxy, maxLength: number): Promise<string> {
  const painted = await paintedText(page, maxLength);
  const typed = await typedText(page);
  return normaliseText(typed === '' ? painted : `${painted}\n${typed}`).slice(0, maxLength);
}

async function paintedText(page: PDFPageProxy, maxLength: number): Promise<string> {
  let text = '';
  const reader = page.streamTextContent().getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    for (const item of (part.value as TextContentPart).items) {
      if (item.str !== undefined) text += item.hasEOL ? `${item.str}\n` : item.str;
    }
    if (text.length > maxLength) {
      await reader.cancel(new Error('enough'));
      break;
    }
  }
  return text;
}

interface TextContentPart {
  readonly items: readonly { readonly str?: string; readonly hasEOL?: boolean }[];
}

/** A filled form keeps its answers beside the page; notes put on a page are there too. */
async function typedText(page: PDFPageProxy): Promise<string> {
  const lines: string[] = [];
  for (const annotation of (await page.getAnnotations()) as readonly Annotation[]) {
    const { subtype, fieldType, fieldValue } = annotation;
    if (subtype === 'Widget' && (fieldType === 'Tx' || fieldType === 'Ch')) {
      for (const value of [fieldValue].flat()) if (typeof value === 'string') lines.push(value);
    } else if (subtype === 'FreeText') lines.push(annotation.contentsObj?.str ?? '');
  }
  return lines.filter((line) => line.trim() !== '').join('\n');
}

interface Annotation {
  readonly subtype?: string;
  readonly fieldType?: string;
  readonly fieldValue?: unknown;
  readonly contentsObj?: { readonly str?: string };
}
