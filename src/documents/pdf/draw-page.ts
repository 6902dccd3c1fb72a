/** The first page as PDFium draws it. */
import { type Pdfium, withPdfium } from './pdfium.ts';

export interface DrawOptions {
  readonly maxWidth: number;
  readonly maxHeight: number;
  /** Drawing that takes more processor time of this process is given up. */
  readonly processorMs: number;
}

export interface DrawnPage {
  /** Four bytes for each pixel: red, green, blue, and one that says nothing. */
  readonly pixels: Buffer;
  readonly width: number;
  readonly height: number;
}

/** Also forms and notes that are on the page. */
const ANNOTATIONS = 0x01;
const RED_FIRST = 0x10;
const WHITE = 0xffffffff;
const NO_FORM = 0;
const PAUSED = 1;
const DONE = 2;
const BYTES_PER_PIXEL = 4;

/**
 * @param bytes of the PDF
 * @returns not larger than the page in points; null when it took too long
 * @throws Error when PDFium cannot open it or draw it
 */
export function drawFirstPage(bytes: Uint8Array, options: DrawOptions): Promise<DrawnPage | null> {
  return withPdfium((pdfium) => {
    const { malloc, free } = pdfium.pdfium.wasmExports;
    const file = malloc(bytes.byteLength);
    if (file === 0) throw new Error('PDFium has no memory for the document.');
    pdfium.pdfium.HEAPU8.set(bytes, file);
    const document = pdfium.FPDF_LoadMemDocument(file, bytes.byteLength, '');
    const page = document === 0 ? 0 : pdfium.FPDF_LoadPage(document, 0);
    try {
      if (page === 0) throw new Error('PDFium cannot open the page.');
      return draw(pdfium, document, page, options);
    } finally {
      if (page !== 0) pdfium.FPDF_ClosePage(page);
      if (document !== 0) pdfium.FPDF_CloseDocument(document);
      free(file);
    }
  });
}

function draw(pdfium: Pdfium, document: number, page: number, options: DrawOptions): DrawnPage | null {
  const natural = { width: pdfium.FPDF_GetPageWidthF(page), height: pdfium.FPDF_GetPageHeightF(page) };
  // A page can be a metre wide, or a mile.
  const scale = Math.min(1, options.maxWidth / natural.width, options.maxHeight / natural.height);
  const width = Math.max(1, Math.round(natural.width * scale));
  const height = Math.max(1, Math.round(natural.height * scale));
  const bitmap = pdfium.FPDFBitmap_Create(width, height, 0);
  if (bitmap === 0) throw new Error('PDFium has no memory for the picture.');
  const pause = pauseAfter(pdfium, options.processorMs);
  try {
    pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, WHITE);
    const flags = ANNOTATIONS | RED_FIRST;
    const end = pdfium.FPDF_RenderPageBitmap_Start(bitmap, page, 0, 0, width, height, 0, flags, pause.place);
    pdfium.FPDF_RenderPage_Close(page);
    if (end === PAUSED) return null;
    if (end !== DONE) throw new Error('PDFium cannot draw the page.');
    drawForm(pdfium, document, page, { bitmap, width, height });
    const from = pdfium.FPDFBitmap_GetBuffer(bitmap);
    const pixels = Buffer.from(pdfium.pdfium.HEAPU8.subarray(from, from + width * height * BYTES_PER_PIXEL));
    return { pixels, width, height };
  } finally {
    pause.free();
    pdfium.FPDFBitmap_Destroy(bitmap);
  }
}

/** Fields whose look is not in the file, only what is in them. Scripts are not in this build of PDFium, and would not be run. */
function drawForm(
  pdfium: Pdfium,
  document: number,
  page: number,
  target: { readonly bitmap: number; readonly width: number; readonly height: number },
): void {
  if (pdfium.FPDF_GetFormType(document) === NO_FORM) return;
  const info = pdfium.PDFiumExt_OpenFormFillInfo();
  const form = pdfium.PDFiumExt_InitFormFillEnvironment(document, info);
  if (form !== 0) {
    pdfium.FPDF_SetFormFieldHighlightAlpha(form, 0);
    const { bitmap, width, height } = target;
    pdfium.FPDF_FFLDraw(form, bitmap, page, 0, 0, width, height, 0, RED_FIRST);
    pdfium.PDFiumExt_ExitFormFillEnvironment(form);
  }
  pdfium.PDFiumExt_CloseFormFillInfo(info);
}

/** PDFium asks between two objects of a page whether to go on: a structure of a version, a function and a place for its owner. */
function pauseAfter({ pdfium }: Pdfium, processorMs: number): { readonly place: number; free(): void } {
  const before = process.cpuUsage();
  const ask = pdfium.addFunction(() => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 > processorMs ? 1 : 0;
  }, 'ii');
  const place = pdfium.wasmExports.malloc(12);
  pdfium.setValue(place, 1, 'i32');
  pdfium.setValue(place + 4, ask, 'i32');
  pdfium.setValue(place + 8, 0, 'i32');
  return {
    place,
    free() {
      pdfium.wasmExports.free(place);
      pdfium.removeFunction(ask);
    },
  };
}
