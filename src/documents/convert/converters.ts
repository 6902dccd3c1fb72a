/** Which converter a type of document has. Each is loaded when the first such document comes: some are large. */
import type { Converter } from './converter.ts';

const CONVERTERS: Readonly<Record<string, () => Promise<Converter>>> = {
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': async () =>
    (await import('./word.ts')).convertWord,
  'application/msword': office,
  'application/rtf': office,
  'application/vnd.oasis.opendocument.text': async () => (await import('./open-document.ts')).convertOpenDocument,
  'application/vnd.ms-outlook': async () => (await import('./outlook.ts')).convertOutlook,
  'message/rfc822': async () => (await import('./mail.ts')).convertMail,
  'text/plain': async () => (await import('./text.ts')).convertText,
  'text/html': async () => (await import('./text.ts')).convertHtml,
  'text/csv': async () => (await import('./sheet.ts')).convertCsv,
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': async () =>
    (await import('./sheet.ts')).convertWorkbook,
  'image/jpeg': image,
  'image/png': image,
  'image/gif': image,
  'image/webp': image,
  'image/bmp': image,
  'image/tiff': image,
  'image/heic': image,
  'image/heif': image,
};

async function office(): Promise<Converter> {
  return (await import('./office.ts')).convertOffice;
}

async function image(): Promise<Converter> {
  return (await import('./image.ts')).convertImage;
}

/** @returns null for a type that cannot be processed */
export async function converterOf(type: string): Promise<Converter | null> {
  return (await CONVERTERS[type]?.()) ?? null;
}
