/**
 * PDFium in WebAssembly, which draws a page in a fraction of the time that pdf.js needs. It reaches nothing but its own memory;
 * a document that breaks it breaks one instance, and the next document has a new one.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { init } from '@embedpdf/pdfium';

/** What is used of it (`public/fpdfview.h`, `public/fpdf_progressive.h`); handles and places in its memory are numbers, 0 is none. */
export interface Pdfium {
  PDFiumExt_Init(): void;
  FPDF_LoadMemDocument(file: number, bytes: number, password: string): number;
  FPDF_CloseDocument(document: number): void;
  FPDF_LoadPage(document: number, index: number): number;
  FPDF_ClosePage(page: number): void;
  FPDF_GetPageWidthF(page: number): number;
  FPDF_GetPageHeightF(page: number): number;
  FPDFBitmap_Create(width: number, height: number, alpha: number): number;
  FPDFBitmap_FillRect(bitmap: number, x: number, y: number, width: number, height: number, colour: number): boolean;
  FPDFBitmap_GetBuffer(bitmap: number): number;
  FPDFBitmap_Destroy(bitmap: number): void;
  FPDF_RenderPageBitmap_Start(
    bitmap: number,
    page: number,
    x: number,
    y: number,
    width: number,
    height: number,
    rotate: number,
    flags: number,
    pause: number,
  ): number;
  FPDF_RenderPage_Close(page: number): void;
  FPDF_GetFormType(document: number): number;
  PDFiumExt_OpenFormFillInfo(): number;
  PDFiumExt_CloseFormFillInfo(info: number): void;
  PDFiumExt_InitFormFillEnvironment(document: number, info: number): number;
  PDFiumExt_ExitFormFillEnvironment(form: number): void;
  FPDF_SetFormFieldHighlightAlpha(form: number, alpha: number): void;
  FPDF_FFLDraw(
    form: number,
    bitmap: number,
    page: number,
    x: number,
    y: number,
    width: number,
    height: number,
    rotate: number,
    flags: number,
  ): void;
  readonly pdfium: {
    /** Another one after its memory has grown. */
    readonly HEAPU8: Uint8Array;
    readonly wasmExports: { malloc(bytes: number): number; free(place: number): void };
    setValue(place: number, value: number, type: 'i32'): void;
    /** @param signature a letter for the result and each argument: `i`, a number */
    addFunction(call: (...args: number[]) => number, signature: string): number;
    removeFunction(call: number): void;
  };
}

/** An instance never gives memory back. One that has had a large document is not used again. */
const KEPT_BYTES = 64 * 1024 * 1024;

let instance: Promise<Pdfium> | undefined;

/**
 * @param use is given an instance for itself, until it returns
 * @throws whatever `use` throws, also when PDFium ends itself
 */
export async function withPdfium<T>(use: (pdfium: Pdfium) => T): Promise<T> {
  instance ??= start();
  const pdfium = await instance.catch((error: unknown) => {
    instance = undefined;
    throw error;
  });
  let whole = false;
  try {
    const result = use(pdfium);
    whole = true;
    return result;
  } finally {
    if (!whole || pdfium.pdfium.HEAPU8.byteLength > KEPT_BYTES) instance = undefined;
  }
}

async function start(): Promise<Pdfium> {
  const wasmBinary = await readFile(createRequire(import.meta.url).resolve('@embedpdf/pdfium/pdfium.wasm'));
  // Its types want those of the compiler that it was made with.
  const pdfium = (await init({ wasmBinary } as never)) as unknown as Pdfium;
  pdfium.PDFiumExt_Init();
  return pdfium;
}
