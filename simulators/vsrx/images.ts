/**
 * Grey pages as PNG, JPEG, TIFF and BMP files.
 *
 * Own encoders because the same seed must give the same bytes on every machine, which no native imaging library promises
 * across its versions, and because the sample practice must not bring one along.
 */
import { crc32, deflateSync } from 'node:zlib';
import type { Raster } from './raster.ts';

export function encodePng({ width, height, grey }: Raster): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8; // bits per sample; colour type 0 (grey) and the rest stay zero
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) rows.set(grey.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(rows, { level: 3 })),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const chunk = Buffer.alloc(data.length + 12);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, 'latin1');
  data.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, data.length + 8)), data.length + 8);
  return chunk;
}

/** Black and white, PackBits-compressed: what a fax server leaves behind. */
export function encodeTiff({ width, height, grey }: Raster): Buffer {
  const rowBytes = Math.ceil(width / 8);
  const row = new Uint8Array(rowBytes);
  const packed: number[] = [];
  for (let y = 0; y < height; y++) {
    row.fill(0);
    for (let x = 0; x < width; x++) if (grey[y * width + x]! < 150) row[x >> 3]! |= 0x80 >> (x & 7);
    packBits(row, packed);
  }
  const data = Buffer.from(packed);
  const SHORT = 3;
  const LONG = 4;
  const entries: [tag: number, type: number, value: number][] = [
    [256, LONG, width],
    [257, LONG, height],
    [258, SHORT, 1],
    [259, SHORT, 32773],
    [262, SHORT, 0],
    [273, LONG, 8],
    [277, SHORT, 1],
    [278, LONG, height],
    [279, LONG, data.length],
  ];
  const directoryAt = 8 + data.length + (data.length & 1);
  const file = Buffer.alloc(directoryAt + 2 + entries.length * 12 + 4);
  file.write('II*\0', 0, 'latin1');
  file.writeUInt32LE(directoryAt, 4);
  data.copy(file, 8);
  file.writeUInt16LE(entries.length, directoryAt);
  entries.forEach(([tag, type, value], i) => {
    const at = directoryAt + 2 + i * 12;
    file.writeUInt16LE(tag, at);
    file.writeUInt16LE(type, at + 2);
    file.writeUInt32LE(1, at + 4);
    if (type === SHORT) file.writeUInt16LE(value, at + 8);
    else file.writeUInt32LE(value, at + 8);
  });
  return file;
}

function packBits(row: Uint8Array, out: number[]): void {
  let i = 0;
  while (i < row.length) {
    let run = 1;
    while (run < 128 && i + run < row.length && row[i + run] === row[i]) run++;
    if (run > 1) {
      out.push(257 - run, row[i]!);
      i += run;
      continue;
    }
    const start = i;
    while (i < row.length && i - start < 128 && row[i] !== row[i + 1]) i++;
    out.push(i - start - 1, ...row.subarray(start, i));
  }
}

/** Eight bits with a grey palette. */
export function encodeBmp({ width, height, grey }: Raster): Buffer {
  const stride = (width + 3) & ~3;
  const dataAt = 14 + 40 + 1024;
  const file = Buffer.alloc(dataAt + stride * height);
  file.write('BM', 0, 'latin1');
  file.writeUInt32LE(file.length, 2);
  file.writeUInt32LE(dataAt, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(width, 18);
  file.writeInt32LE(height, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(8, 28);
  file.writeUInt32LE(stride * height, 34);
  file.writeUInt32LE(256, 46);
  for (let i = 0; i < 256; i++) file.fill(i, 54 + i * 4, 54 + i * 4 + 3);
  for (let y = 0; y < height; y++)
    file.set(grey.subarray(y * width, (y + 1) * width), dataAt + (height - 1 - y) * stride);
  return file;
}
