/** Images that say they are as large as a house. */
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { bmpOf, heic, pictureOf, tiffOf } from '../document-samples.ts';

const SIDE = 30_000;

export interface ImageSamples {
  readonly png: Buffer;
  readonly jpeg: Buffer;
  readonly gif: Buffer;
  readonly webp: Buffer;
  readonly tiff: Buffer;
  readonly bmp: Buffer;
  readonly heic: Buffer;
}

export async function imageSamples(): Promise<ImageSamples> {
  const png = await pictureOf('Zoe Sample');
  return {
    png,
    jpeg: await sharp(png).jpeg().toBuffer(),
    gif: await sharp(png).gif().toBuffer(),
    webp: await sharp(png).webp().toBuffer(),
    tiff: await tiffOf(2),
    bmp: bmpOf(120, 80),
    heic: heic(),
  };
}

/** Each says that it has 30,000 × 30,000 pixels, or as many as its type can say. */
export function hugeByTheirWord(samples: ImageSamples): Record<keyof ImageSamples, Buffer> {
  return {
    png: changed(samples.png, (bytes) => {
      bytes.writeUInt32BE(SIDE, 16);
      bytes.writeUInt32BE(SIDE, 20);
      bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    }),
    jpeg: changed(samples.jpeg, (bytes) => {
      const frame = bytes.indexOf(Buffer.from('ffc0', 'hex'));
      bytes.writeUInt16BE(SIDE, frame + 5);
      bytes.writeUInt16BE(SIDE, frame + 7);
    }),
    gif: changed(samples.gif, (bytes) => {
      bytes.writeUInt16LE(SIDE, 6);
      bytes.writeUInt16LE(SIDE, 8);
      const picture = bytes.indexOf(0x2c, 13);
      bytes.writeUInt16LE(SIDE, picture + 5);
      bytes.writeUInt16LE(SIDE, picture + 7);
    }),
    // 14 bits each is the most that its header has.
    webp: changed(samples.webp, (bytes) => bytes.writeUInt32LE(0x3fff_3fff, 26)),
    tiff: changed(samples.tiff, (bytes) => {
      const first = bytes.readUInt32LE(4);
      for (let entry = 0; entry < bytes.readUInt16LE(first); entry++) {
        const at = first + 2 + entry * 12;
        // ImageWidth and ImageLength, as four bytes.
        if (bytes.readUInt16LE(at) !== 256 && bytes.readUInt16LE(at) !== 257) continue;
        bytes.writeUInt16LE(4, at + 2);
        bytes.writeUInt32LE(SIDE, at + 8);
      }
    }),
    bmp: changed(samples.bmp, (bytes) => {
      bytes.writeInt32LE(SIDE, 18);
      bytes.writeInt32LE(SIDE, 22);
    }),
    heic: changed(samples.heic, (bytes) => {
      for (let at = bytes.indexOf('ispe'); at !== -1; at = bytes.indexOf('ispe', at + 4)) {
        bytes.writeUInt32BE(SIDE, at + 8);
        bytes.writeUInt32BE(SIDE, at + 12);
      }
    }),
  };
}

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}
