/** What a file is, by its bytes. Its name is never asked: a wrong extension is common, a forged one possible. */
import { type BytesAt, compoundFileType } from './compound-file.ts';
import { textType } from './text-type.ts';

/** Types that are stored when nothing else is configured: documents, mail, text and images. */
export const STORED_TYPES: readonly string[] = [
  'application/pdf',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/msword',
  'application/rtf',
  'application/vnd.oasis.opendocument.text',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'application/vnd.ms-outlook',
  'message/rfc822',
  'text/plain',
  'text/html',
  'image/jpeg',
  'image/png',
  'image/bmp',
  'image/tiff',
  'image/heic',
  'image/heif',
  'image/gif',
];

/** Bytes from the beginning that a decision about text is made on. */
export const HEAD_SIZE = 64 * 1024;

/** Some printers and mail gateways put lines of their own before the document (Adobe's readers allow 1,024 bytes). */
const PDF_WITHIN = 1024;

export interface SniffedContent extends BytesAt {
  /** The first {@link HEAD_SIZE} bytes, or all when there are fewer. */
  readonly head: Buffer;
}

/**
 * @returns MIME type in lower case, or null when unknown
 * @throws what `readAt` throws
 */
export async function sniffContentType(content: SniffedContent): Promise<string | null> {
  const { head } = content;
  if (startsWith(head, '%PDF-')) return 'application/pdf';
  if (startsWith(head, '{\\rtf')) return 'application/rtf';
  // Before the magic numbers, some of which are two letters: a note that begins with "BMI" is no bitmap.
  const text = textType(head);
  if (text !== null) return text;
  // Most files are known by now, and a library would be loaded for nothing.
  const { typeByMagicNumber } = await import('./magic-number.ts');
  const type = await typeByMagicNumber(content);
  if (type === 'application/x-cfb') return compoundFileType(content);
  if (type === 'image/apng') return 'image/png';
  if (type === null && head.subarray(0, PDF_WITHIN).includes('%PDF-')) return 'application/pdf';
  return type;
}

function startsWith(head: Buffer, text: string): boolean {
  return head.subarray(0, text.length).equals(Buffer.from(text, 'latin1'));
}
