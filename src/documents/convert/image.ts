/** Images: each becomes a page of its own size. Text is for Tesseract to find. */
import { PDFDocument } from 'pdf-lib';
import type { Converted, Source } from './converter.ts';
import { pageImages } from './page-image.ts';

/** A4, in points. */
const LONG_SIDE = 841.89;
const SHORT_SIDE = 595.28;

/** Small images are shown as a browser does, at 96 dots per inch, and not enlarged. */
const POINTS_PER_PIXEL = 72 / 96;

export async function convertImage({ bytes, type, job }: Source): Promise<Converted> {
  const document = await PDFDocument.create();
  for await (const image of pageImages(bytes, type, job.limits)) {
    const embedded = await document.embedJpg(image.jpeg);
    await embedded.embed();
    const long = Math.max(image.width, image.height);
    const short = Math.min(image.width, image.height);
    const scale = Math.min(POINTS_PER_PIXEL, LONG_SIDE / long, SHORT_SIDE / short);
    const size = { width: image.width * scale, height: image.height * scale };
    document.addPage([size.width, size.height]).drawImage(embedded, { x: 0, y: 0, ...size });
  }
  return { pdf: await document.save(), pages: null, mailDate: null, warnings: [] };
}
