/** A baseline grey JPEG encoder (ITU-T T.81, with the quantisation and Huffman tables of its annex K). */
import type { Raster } from './raster.ts';

const QUANT_QUALITY_50 = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];
/** Position in the zigzag order → position in the block. */
const ZIGZAG = [
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47,
  55, 62, 63,
];
const DC_COUNTS = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const DC_VALUES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const AC_COUNTS = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d];
const AC_VALUES = [
  ...Buffer.from(
    '01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a' +
      '434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aa' +
      'b2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
    'hex',
  ),
];

interface Codes {
  readonly code: Uint16Array;
  readonly length: Uint8Array;
}

const DC_CODES = huffmanCodes(DC_COUNTS, DC_VALUES);
const AC_CODES = huffmanCodes(AC_COUNTS, AC_VALUES);
/** The fast transform below leaves each coefficient scaled by these factors (rows × columns × 8). */
const TRANSFORM_SCALE = Array.from({ length: 8 }, (_, k) => (k ? Math.SQRT2 * Math.cos((k * Math.PI) / 16) : 1));

/** @param quality 50 to 100 */
export function encodeJpeg({ width, height, grey }: Raster, quality = 60): Buffer {
  const quant = QUANT_QUALITY_50.map((value) => Math.max(1, Math.round((value * (200 - 2 * quality)) / 100)));
  const divisors = quant.map((value, at) => value * 8 * TRANSFORM_SCALE[at >> 3]! * TRANSFORM_SCALE[at & 7]!);
  const bits = createBitWriter(width * height);
  const samples = new Float64Array(64);
  const levels = new Int32Array(64);
  let previousDc = 0;

  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      for (let y = 0; y < 8; y++) {
        const row = Math.min(top + y, height - 1) * width;
        for (let x = 0; x < 8; x++) samples[y * 8 + x] = grey[row + Math.min(left + x, width - 1)]! - 128;
      }
      for (let i = 0; i < 8; i++) transformLine(samples, i * 8, 1);
      for (let i = 0; i < 8; i++) transformLine(samples, i, 8);
      for (let i = 0; i < 64; i++) levels[i] = Math.round(samples[i]! / divisors[i]!);
      previousDc = writeBlock(bits, levels, previousDc);
    }
  }

  return Buffer.concat([
    Buffer.from('ffd8ffe000104a46494600010101005000500000', 'hex'),
    marker(0xdb, [0, ...ZIGZAG.map((at) => quant[at]!)]),
    marker(0xc0, [8, height >> 8, height & 255, width >> 8, width & 255, 1, 1, 0x11, 0]),
    marker(0xc4, [0x00, ...DC_COUNTS, ...DC_VALUES]),
    marker(0xc4, [0x10, ...AC_COUNTS, ...AC_VALUES]),
    marker(0xda, [1, 1, 0, 0, 63, 0]),
    bits.finish(),
    Buffer.from([0xff, 0xd9]),
  ]);
}

/** One-dimensional cosine transform in place (Arai, Agui and Nakajima 1988: five multiplications). */
function transformLine(d: Float64Array, at: number, step: number): void {
  const sum07 = d[at]! + d[at + 7 * step]!;
  const dif07 = d[at]! - d[at + 7 * step]!;
  const sum16 = d[at + step]! + d[at + 6 * step]!;
  const dif16 = d[at + step]! - d[at + 6 * step]!;
  const sum25 = d[at + 2 * step]! + d[at + 5 * step]!;
  const dif25 = d[at + 2 * step]! - d[at + 5 * step]!;
  const sum34 = d[at + 3 * step]! + d[at + 4 * step]!;
  const dif34 = d[at + 3 * step]! - d[at + 4 * step]!;

  const even0 = sum07 + sum34;
  const even3 = sum07 - sum34;
  const even1 = sum16 + sum25;
  const even2 = sum16 - sum25;
  const turned = (even2 + even3) * Math.SQRT1_2;
  d[at] = even0 + even1;
  d[at + 4 * step] = even0 - even1;
  d[at + 2 * step] = even3 + turned;
  d[at + 6 * step] = even3 - turned;

  const odd0 = dif34 + dif25;
  const odd1 = (dif25 + dif16) * Math.SQRT1_2;
  const odd2 = dif16 + dif07;
  const shared = (odd0 - odd2) * 0.38268343236508984;
  const low = 0.541196100146197 * odd0 + shared;
  const high = 1.3065629648763766 * odd2 + shared;
  const plus = dif07 + odd1;
  const minus = dif07 - odd1;
  d[at + 5 * step] = minus + low;
  d[at + 3 * step] = minus - low;
  d[at + step] = plus + high;
  d[at + 7 * step] = plus - high;
}

function writeBlock(bits: BitWriter, levels: Int32Array, previousDc: number): number {
  const dc = levels[0]!;
  const difference = dc - previousDc;
  const dcSize = bitLength(difference);
  bits.write(DC_CODES.code[dcSize]!, DC_CODES.length[dcSize]!);
  writeValue(bits, difference, dcSize);
  let zeros = 0;
  for (let i = 1; i < 64; i++) {
    const level = levels[ZIGZAG[i]!]!;
    if (level === 0) {
      zeros++;
      continue;
    }
    for (; zeros > 15; zeros -= 16) bits.write(AC_CODES.code[0xf0]!, AC_CODES.length[0xf0]!);
    const size = bitLength(level);
    const symbol = (zeros << 4) | size;
    bits.write(AC_CODES.code[symbol]!, AC_CODES.length[symbol]!);
    writeValue(bits, level, size);
    zeros = 0;
  }
  if (zeros) bits.write(AC_CODES.code[0]!, AC_CODES.length[0]!);
  return dc;
}

function bitLength(value: number): number {
  return value === 0 ? 0 : 32 - Math.clz32(Math.abs(value));
}

function writeValue(bits: BitWriter, value: number, size: number): void {
  if (size) bits.write(value < 0 ? value + (1 << size) - 1 : value, size);
}

interface BitWriter {
  write(value: number, length: number): void;
  finish(): Buffer;
}

function createBitWriter(capacity: number): BitWriter {
  let out = Buffer.allocUnsafe(capacity);
  let used = 0;
  let pending = 0;
  let count = 0;
  const write = (value: number, length: number): void => {
    pending = (pending << length) | value;
    count += length;
    while (count >= 8) {
      count -= 8;
      const byte = (pending >> count) & 255;
      if (used + 2 > out.length) out = Buffer.concat([out, Buffer.allocUnsafe(out.length)]);
      out[used++] = byte;
      // A 0xff in the data is followed by a zero, or it would read as a marker.
      if (byte === 255) out[used++] = 0;
    }
    pending &= (1 << count) - 1;
  };
  return {
    write,
    finish: () => {
      if (count) write((1 << (8 - count)) - 1, 8 - count);
      return out.subarray(0, used);
    },
  };
}

function huffmanCodes(counts: readonly number[], values: readonly number[]): Codes {
  const code = new Uint16Array(256);
  const length = new Uint8Array(256);
  let next = 0;
  let at = 0;
  counts.forEach((count, index) => {
    for (let i = 0; i < count; i++) {
      code[values[at]!] = next++;
      length[values[at++]!] = index + 1;
    }
    next <<= 1;
  });
  return { code, length };
}

function marker(code: number, payload: readonly number[]): Buffer {
  const size = payload.length + 2;
  return Buffer.from([0xff, code, size >> 8, size & 255, ...payload]);
}
