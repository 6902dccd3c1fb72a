/** Opens a PDF with pdf.js, which has no way to run the scripts in it unless it is given one. */
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { getDocument, PasswordException, type PDFDocumentProxy, VerbosityLevel } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { Refusal } from '../refusal.ts';

const PACKAGE = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'));

/**
 * Without these, text in the fonts that every reader has, in Chinese or Japanese encodings, and JPEG 2000 and JBIG2 images
 * (both usual in scans) are missing.
 */
function data(folder: string): string {
  return join(PACKAGE, folder) + sep;
}

export interface OpenPdf extends AsyncDisposable {
  readonly document: PDFDocumentProxy;
}

/**
 * @param bytes are taken over: pdf.js detaches them
 * @param maxPixels images with more are not decoded
 * @throws Refusal document_encrypted, document_corrupt
 */
export async function openPdf(bytes: Uint8Array, maxPixels: number): Promise<OpenPdf> {
  const task = getDocument({
    data: bytes,
    verbosity: VerbosityLevel.ERRORS,
    maxImageSize: maxPixels,
    disableFontFace: true,
    useSystemFonts: false,
    standardFontDataUrl: data('standard_fonts'),
    cMapUrl: data('cmaps'),
    cMapPacked: true,
    iccUrl: data('iccs'),
    wasmUrl: data('wasm'),
    enableXfa: false,
    stopAtErrors: false,
  });
  try {
    const document = await task.promise;
    return { document, [Symbol.asyncDispose]: () => task.destroy() };
  } catch (error) {
    await task.destroy();
    // A PDF with only an owner's password opens without it.
    if (error instanceof PasswordException) throw new Refusal('document_encrypted');
    throw new Refusal('document_corrupt');
  }
}
