/** What a document is, by its bytes. Its name is never asked: a wrong extension is common, a forged one possible. */
import { fileTypeFromBuffer } from 'file-type';
import { compoundType } from './compound-type.ts';
import { textKind } from './text-kind.ts';

/** Some printers and mail gateways put lines of their own before the document (Adobe's readers allow 1,024 bytes). */
const PDF_WITHIN = 1024;

/** @returns MIME type in lower case, or null when unknown */
export async function sniffType(bytes: Buffer): Promise<string | null> {
  if (startsWith(bytes, '%PDF-')) return 'application/pdf';
  if (startsWith(bytes, '{\\rtf')) return 'application/rtf';
  // Before the magic numbers, some of which are two letters: a note that begins with "BMI" is no bitmap.
  const text = textKind(bytes);
  if (text !== null) return text;
  const type = await byMagicNumber(bytes);
  if (type === 'application/x-cfb') return compoundType(bytes);
  if (type === 'image/apng') return 'image/png';
  if (type === null && bytes.subarray(0, PDF_WITHIN).includes('%PDF-')) return 'application/pdf';
  return type;
}

function startsWith(bytes: Buffer, text: string): boolean {
  return bytes.subarray(0, text.length).equals(Buffer.from(text, 'latin1'));
}

async function byMagicNumber(bytes: Buffer): Promise<string | null> {
  try {
    return (await fileTypeFromBuffer(bytes))?.mime ?? null;
  } catch {
    // A damaged file makes a parser fail in many ways.
    return null;
  }
}
