/** What is not as it should be about a document that was read, in words for people; for the pages and the component. */

export const warningWords = {
  no_text: 'None of its pages has text, so no search finds it.',
  ocr_missing: 'Pages that are pictures could not be read: text recognition (Tesseract) is not installed.',
  ocr_failed: 'The text of pages that are pictures could not be recognised.',
  ocr_incomplete:
    'Recognising the text of pages that are pictures took too long: it was ended, and the last ones were not read.',
  page_unreadable: 'A page is damaged and could not be read.',
  text_truncated: 'It has more text than is kept: the rest is not found by searches.',
  table_truncated: 'A table has more rows or columns than are kept: the rest is not found by searches.',
  image_left_out: 'A picture in it is not shown.',
  attachments_named_only: 'The mail has attachments; only their names are in the document.',
  glyphs_missing: 'The preview shows boxes for some characters. The text has them.',
  active_content: 'The PDF has scripts or actions. They were not run.',
  rows_not_shown: 'The preview has only the first rows of a sheet. Searches find the others too.',
  thumbnail_failed: 'No small picture of it could be made.',
} as const;

/** Something in the document is neither shown nor found. */
const LOSING: ReadonlySet<string> = new Set([
  'ocr_missing',
  'ocr_failed',
  'ocr_incomplete',
  'page_unreadable',
  'text_truncated',
  'table_truncated',
  'image_left_out',
  'attachments_named_only',
]);

interface Read {
  readonly warnings: readonly string[];
  /** Pages with text; null: it is not read yet. */
  readonly textPages: number | null;
}

/** How well a document was read. */
export function readingOf({ warnings, textPages }: Read): 'whole' | 'partly' | 'no text' {
  if (textPages === 0 || warnings.includes('no_text')) return 'no text';
  return warnings.some((warning) => LOSING.has(warning)) ? 'partly' : 'whole';
}

export function warningText(warning: string): string {
  return (warningWords as Readonly<Record<string, string>>)[warning] ?? warning;
}
