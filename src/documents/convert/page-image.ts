/** Images of any kind to JPEGs that fit a page. Dimensions are looked at before anything is decoded. */
import { createCanvas, loadImage } from '@napi-rs/canvas';
import heicConvert from 'heic-convert';
import sharp, { type Metadata } from 'sharp';
import { Refusal } from '../refusal.ts';
import { assertWholeBmp, assertWholeTiff } from './whole-image.ts';

/** A4 at 300 dots per inch: more shows nothing more on a page, and Tesseract wants no more. */
const MAX_SIDE = 3508;
const QUALITY = 82;

export interface PageImage {
  readonly jpeg: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface ImageLimits {
  readonly pixels: number;
  readonly pages: number;
}

/**
 * @param type MIME type by the bytes
 * @throws Refusal document_too_large, document_corrupt
 */
export async function* pageImages(bytes: Buffer, type: string, limits: ImageLimits): AsyncGenerator<PageImage> {
  try {
    if (type === 'image/bmp') yield await oneImage(await bmpAsPng(bytes, limits.pixels), 0, limits.pixels);
    else if (type === 'image/heic' || type === 'image/heif') {
      yield await oneImage(await heicAsJpeg(bytes, limits.pixels), 0, limits.pixels);
    } else {
      if (type === 'image/tiff') assertWholeTiff(bytes, limits.pages);
      const pages = type === 'image/tiff' ? ((await metadata(bytes, 0)).pages ?? 1) : 1;
      if (pages > limits.pages) {
        throw new Refusal('document_too_large', `It has ${pages} pages; the limit is ${limits.pages}.`);
      }
      for (let page = 0; page < pages; page++) yield await oneImage(bytes, page, limits.pixels);
    }
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal('document_corrupt');
  }
}

async function oneImage(bytes: Buffer, page: number, maxPixels: number): Promise<PageImage> {
  const { width, height } = await metadata(bytes, page);
  checkPixels(width, height, maxPixels);
  // The best that can be had of a scratched image is better than none, but half an image must not pass for a whole one.
  const { data, info } = await sharp(bytes, {
    page,
    limitInputPixels: maxPixels,
    sequentialRead: true,
    failOn: 'truncated',
  })
    .autoOrient()
    .resize({ width: MAX_SIDE, height: MAX_SIDE, fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#ffffff' })
    .jpeg({ quality: QUALITY })
    .toBuffer({ resolveWithObject: true });
  return { jpeg: data, width: info.width, height: info.height };
}

async function metadata(bytes: Buffer, page: number): Promise<Metadata> {
  sharp.cache(false);
  sharp.concurrency(1);
  return sharp(bytes, { page, limitInputPixels: false }).metadata();
}

function checkPixels(width: number, height: number, maxPixels: number): void {
  if (width * height <= maxPixels) return;
  throw new Refusal('document_too_large', `It has ${width} × ${height} pixels; the limit is ${maxPixels} pixels.`);
}

/** sharp does not read BMP. Width and height: [MS-WMF] §2.2.2.3; two bytes each in the oldest form of the header. */
async function bmpAsPng(bytes: Buffer, maxPixels: number): Promise<Buffer> {
  const old = bytes.readUInt32LE(14) === 12;
  const width = old ? bytes.readUInt16LE(18) : Math.abs(bytes.readInt32LE(18));
  const height = old ? bytes.readUInt16LE(20) : Math.abs(bytes.readInt32LE(22));
  checkPixels(width, height, maxPixels);
  assertWholeBmp(bytes, { width, height });
  const image = await loadImage(bytes);
  const canvas = createCanvas(image.width, image.height);
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas.encode('png');
}

/** sharp's own libheif has no HEVC. The box `ispe` of each image in the file gives its size (ISO/IEC 23008-12 §6.5.3). */
async function heicAsJpeg(bytes: Buffer, maxPixels: number): Promise<Buffer> {
  for (let at = bytes.indexOf('ispe'); at !== -1 && at + 16 <= bytes.length; at = bytes.indexOf('ispe', at + 4)) {
    checkPixels(bytes.readUInt32BE(at + 8), bytes.readUInt32BE(at + 12), maxPixels);
  }
  return Buffer.from(await heicConvert({ buffer: bytes, format: 'JPEG', quality: 0.92 }));
}
