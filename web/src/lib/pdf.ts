/** Shows pages of a PDF with Mozilla's reader, which is fetched when the first one is opened. No script of a PDF is run. */
import workerUrl from 'pdfjs-dist/build/pdf.worker.min.mjs?url';

export interface ShownPdf {
  readonly pages: number;
  /** Draws a page as wide as its place. @param onFailure when it cannot be drawn. @returns ends it */
  draw(page: number, canvas: HTMLCanvasElement, onFailure: () => void): () => void;
  close(): Promise<void>;
}

/** A page may say that it is as large as a house. */
const LARGEST_SIDE = 4096;

/** @throws when it is none that can be read */
export async function openPdf(bytes: ArrayBuffer): Promise<ShownPdf> {
  const { getDocument, GlobalWorkerOptions } = await import('pdfjs-dist');
  GlobalWorkerOptions.workerSrc = workerUrl;
  const task = getDocument({ data: bytes, useWasm: false, enableXfa: false, stopAtErrors: false });
  const pdf = await task.promise.catch(async (error) => {
    await task.destroy();
    throw error;
  });
  return {
    pages: pdf.numPages,
    draw(number, canvas, onFailure) {
      let ended = false;
      let stop = () => {};
      const work = async () => {
        const page = await pdf.getPage(number);
        if (ended) return;
        const plain = page.getViewport({ scale: 1 });
        const wide = Math.max(canvas.clientWidth, 200) * devicePixelRatio;
        const scale = Math.min(wide / plain.width, LARGEST_SIDE / plain.width, LARGEST_SIDE / plain.height);
        const viewport = page.getViewport({ scale });
        canvas.width = Math.floor(viewport.width);
        canvas.height = Math.floor(viewport.height);
        const drawing = page.render({ canvas, viewport });
        stop = () => drawing.cancel();
        await drawing.promise;
        canvas.dataset.drawn = String(number);
      };
      work().catch(() => {
        if (!ended) onFailure();
      });
      return () => {
        ended = true;
        stop();
      };
    },
    close: () => task.destroy(),
  };
}
