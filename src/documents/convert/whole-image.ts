/**
 * Whether all of an image is there, where its decoder does not say: pages of a TIFF behind a break are passed over by it, rows of a
 * BMP that are missing are drawn empty.
 */
import { Refusal } from '../refusal.ts';

const CLASSIC = 42;
const BIG = 43;

/** TIFF 6.0, section 2; BigTIFF has numbers twice as long. @throws Refusal document_corrupt */
export function assertWholeTiff(bytes: Buffer, maxPages: number): void {
  const isLittle = bytes.toString('latin1', 0, 2) === 'II';
  const u16 = (at: number) => (isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const u32 = (at: number) => (isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const u64 = (at: number) => Number(isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  const version = u16(2);
  if (version !== CLASSIC && version !== BIG) return;
  const form =
    version === CLASSIC
      ? { first: 4, count: u16, countBytes: 2, entryBytes: 12, place: u32, placeBytes: 4 }
      : { first: 8, count: u64, countBytes: 8, entryBytes: 20, place: u64, placeBytes: 8 };
  let at = form.place(form.first);
  // Whoever reads them refuses more pages, and a chain that bites its own tail.
  for (let page = 0; at !== 0 && page <= maxPages; page++) {
    if (at + form.countBytes > bytes.length) throw new Refusal('document_corrupt');
    const next = at + form.countBytes + form.count(at) * form.entryBytes;
    if (next + form.placeBytes > bytes.length) throw new Refusal('document_corrupt');
    at = form.place(next);
  }
}

/** [MS-WMF] §2.2.2.3; the oldest form of the header has no compression. @throws Refusal document_corrupt */
export function assertWholeBmp(bytes: Buffer, { width, height }: { width: number; height: number }): void {
  const isOld = bytes.readUInt32LE(14) === 12;
  const bits = isOld ? bytes.readUInt16LE(24) : bytes.readUInt16LE(28);
  const compression = isOld ? 0 : bytes.readUInt32LE(30);
  const isPlain = compression === 0 || compression === 3 || compression === 6;
  const rowBytes = Math.ceil((width * bits) / 32) * 4;
  const pixels = isPlain ? rowBytes * height : bytes.readUInt32LE(34);
  // Some writers leave out what fills up the last row.
  if (bytes.readUInt32LE(10) + pixels - 3 > bytes.length) throw new Refusal('document_corrupt');
}
