/** A picture of a page. */
import type { Canvas } from '@napi-rs/canvas';
import type { PDFDocumentProxy, PDFPageProxy } from 'pdfjs-dist';

export interface RenderedPage {
  readonly png: Buffer;
  readonly width: number;
  readonly height: number;
}

export interface RenderOptions {
  /** Pixels per point, unless the picture would then be larger than `maxWidth` × `maxHeight`. */
  readonly scale: number;
  readonly maxWidth: number;
  readonly maxHeight: number;
  /** Drawing that takes more processor time of this process is given up. */
  readonly processorMs: number;
}

/** @throws whatever pdf.js throws, also when the time is up */
export async function renderPage(
  document: PDFDocumentProxy,
  page: PDFPageProxy,
  options: RenderOptions,
): Promise<RenderedPage> {
  const natural = page.getViewport({ scale: 1 });
  // A page can be a metre wide, or a mile.
  const scale = Math.min(options.scale, options.maxWidth / natural.width, options.maxHeight / natural.height);
  const viewport = page.getViewport({ scale });
  const width = Math.max(1, Math.round(viewport.width));
  const height = Math.max(1, Math.round(viewport.height));
  const factory = document.canvasFactory as CanvasFactory;
  const target = factory.create(width, height);
  try {
    const task = page.render({ canvas: null, canvasContext: target.context as never, viewport });
    const before = process.cpuUsage();
    // pdf.js asks every few milliseconds whether to go on.
    task.onContinue = (goOn: () => void) => {
      const { user, system } = process.cpuUsage(before);
      if ((user + system) / 1000 > options.processorMs) task.cancel();
      else setImmediate(goOn);
    };
    await task.promise;
    return { png: await target.canvas.encode('png'), width, height };
  } finally {
    factory.destroy(target);
  }
}

interface CanvasFactory {
  create(width: number, height: number): { readonly canvas: Canvas; readonly context: unknown };
  destroy(target: { readonly canvas: Canvas; readonly context: unknown }): void;
}
