/**
 * Made-up files of the types that a practice stores: as small as a reader of the type still takes for one.
 */
import { crc32 } from 'node:zlib';

export const samplePdf = (text = 'Letter about Zoe Sample'): Buffer =>
  Buffer.from(`%PDF-1.4\n% \xe2\xe3\xcf\xd3\n1 0 obj<<>>endobj\n% ${text}\ntrailer<<>>\n%%EOF\n`, 'latin1');

/** A PDF of exactly this size; equal for equal `seed` and `size`. */
export function samplePdfOf(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0, value = seed; at + 4 <= size; at += 4) {
    value = (Math.imul(value, 1_664_525) + 1_013_904_223) >>> 0;
    bytes.writeUInt32LE(value, at);
  }
  bytes.write('%PDF-1.4\n', 0, 'latin1');
  return bytes;
}

/** A ZIP archive whose entries are stored, not deflated. */
export function sampleZip(entries: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(entries)) {
    const data = Buffer.from(text);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), data]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\0', 'latin1'), common, place, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, end]);
}

function contentTypes(main: string): string {
  return (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' +
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">' +
    `<Override PartName="/main.xml" ContentType="application/vnd.openxmlformats-officedocument.${main}.main+xml"/></Types>`
  );
}

export const sampleDocx = (): Buffer =>
  sampleZip({
    '[Content_Types].xml': contentTypes('wordprocessingml.document'),
    'word/document.xml': '<w:document>Zoe Sample</w:document>',
  });

export const sampleXlsx = (): Buffer =>
  sampleZip({
    // Some writers put the list of types last.
    'xl/workbook.xml': '<workbook/>',
    '[Content_Types].xml': contentTypes('spreadsheetml.sheet'),
  });

export const sampleOdt = (): Buffer =>
  sampleZip({ mimetype: 'application/vnd.oasis.opendocument.text', 'content.xml': '<office:document-content/>' });

export interface CompoundEntry {
  readonly name: string;
  /** Entries of a storage; a stream has none. */
  readonly children?: readonly CompoundEntry[];
}

const NO_ENTRY = 0xffffffff;
const END_OF_CHAIN = 0xfffffffe;
const FAT_SECTOR = 0xfffffffd;

/**
 * An OLE compound file (MS-CFB) with these names and no data.
 *
 * @param options.sectorShift 9 or 12
 * @param options.directoryAfter sectors in front of the directory: more than 109 tables' worth makes the table list overflow the
 *   header
 */
export function sampleCompoundFile(
  entries: readonly CompoundEntry[],
  options: { readonly sectorShift?: 9 | 12; readonly directoryAfter?: number } = {},
): Buffer {
  const { sectorShift = 9, directoryAfter = 0 } = options;
  const size = 1 << sectorShift;
  const perSector = size / 4;
  const directory = directoryOf(entries, size);
  const directorySectors = directory.length / size;
  // Tables describe themselves too, so their number is found by trying.
  let fats = 1;
  let lists = 0;
  for (;;) {
    lists = fats > 109 ? Math.ceil((fats - 109) / (perSector - 1)) : 0;
    if (fats * perSector >= directoryAfter + directorySectors + fats + lists) break;
    fats++;
  }
  const firstDirectory = directoryAfter;
  const firstFat = firstDirectory + directorySectors;
  const firstList = firstFat + fats;
  const sectors = firstList + lists;
  const file = Buffer.alloc((sectors + 1) * size);
  const at = (sector: number): number => (sector + 1) * size;

  Buffer.from('d0cf11e0a1b11ae1', 'hex').copy(file);
  file.writeUInt16LE(0x3e, 24);
  file.writeUInt16LE(sectorShift === 9 ? 3 : 4, 26);
  file.writeUInt16LE(0xfffe, 28);
  file.writeUInt16LE(sectorShift, 30);
  file.writeUInt16LE(6, 32);
  if (sectorShift === 12) file.writeUInt32LE(directorySectors, 40);
  file.writeUInt32LE(fats, 44);
  file.writeUInt32LE(firstDirectory, 48);
  file.writeUInt32LE(4096, 56);
  file.writeUInt32LE(END_OF_CHAIN, 60);
  file.writeUInt32LE(lists > 0 ? firstList : END_OF_CHAIN, 68);
  file.writeUInt32LE(lists, 72);
  for (let i = 0; i < 109; i++) file.writeUInt32LE(i < fats ? firstFat + i : NO_ENTRY, 76 + i * 4);
  for (let list = 0; list < lists; list++) {
    for (let i = 0; i < perSector - 1; i++) {
      const fat = 109 + list * (perSector - 1) + i;
      file.writeUInt32LE(fat < fats ? firstFat + fat : NO_ENTRY, at(firstList + list) + i * 4);
    }
    file.writeUInt32LE(list + 1 < lists ? firstList + list + 1 : END_OF_CHAIN, at(firstList + list) + size - 4);
  }
  for (let i = 0; i < fats * perSector; i++) {
    let next = NO_ENTRY;
    if (i >= firstDirectory && i < firstFat) next = i + 1 < firstFat ? i + 1 : END_OF_CHAIN;
    else if (i >= firstFat && i < firstList) next = FAT_SECTOR;
    else if (i >= firstList && i < sectors) next = 0xfffffffc;
    file.writeUInt32LE(next, at(firstFat) + i * 4);
  }
  directory.copy(file, at(firstDirectory));
  return file;
}

function directoryOf(entries: readonly CompoundEntry[], sectorSize: number): Buffer {
  const rows: { name: string; type: number; right: number; child: number }[] = [];
  function add(entry: CompoundEntry, type: number): number {
    const row = { name: entry.name, type, right: NO_ENTRY, child: NO_ENTRY };
    const id = rows.push(row) - 1;
    // A tree that is a list: each entry is the right neighbour of the one before.
    let before: number | null = null;
    for (const child of entry.children ?? []) {
      const childId = add(child, child.children ? 1 : 2);
      if (before === null) row.child = childId;
      else rows[before]!.right = childId;
      before = childId;
    }
    return id;
  }
  add({ name: 'Root Entry', children: entries }, 5);
  const directory = Buffer.alloc(Math.ceil((rows.length * 128) / sectorSize) * sectorSize);
  for (const [id, row] of rows.entries()) {
    const start = id * 128;
    directory.write(row.name, start, 62, 'utf16le');
    directory.writeUInt16LE((row.name.length + 1) * 2, start + 64);
    directory.writeUInt8(row.type, start + 66);
    directory.writeUInt8(1, start + 67);
    directory.writeUInt32LE(NO_ENTRY, start + 68);
    directory.writeUInt32LE(row.right, start + 72);
    directory.writeUInt32LE(row.child, start + 76);
    directory.writeUInt32LE(END_OF_CHAIN, start + 116);
  }
  return directory;
}

export const sampleDoc = (): Buffer => sampleCompoundFile([{ name: '1Table' }, { name: 'WordDocument' }]);

export const sampleMsg = (): Buffer =>
  sampleCompoundFile([{ name: '__nameid_version1.0', children: [] }, { name: '__properties_version1.0' }]);

export const sampleEml = (): Buffer =>
  Buffer.from(
    'Received: from mail.example by mx.example;\r\n\tTue, 3 Mar 2026 09:00:00 +1100\r\nFrom: reception@clinic.example\r\n' +
      'To: zoe.sample@mail.example\r\nSubject: Your letter\r\nMIME-Version: 1.0\r\n\r\nDear Zoe\r\n',
  );

/** The beginnings of image files. */
export const sampleImages: Readonly<Record<string, Buffer>> = {
  'image/jpeg': Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex'),
  'image/png': Buffer.from(
    '89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000a49444154789c63000100000500010d0a2db4' +
      '0000000049454e44ae426082',
    'hex',
  ),
  'image/gif': Buffer.from('47494638396101000100800000000000ffffff2c00000000010001000002024401003b', 'hex'),
  'image/bmp': Buffer.from(
    '424d3a0000000000000036000000280000000100000001000000010018000000000004000000130b0000130b00000000000000000000ffffff00',
    'hex',
  ),
  'image/tiff': Buffer.concat([Buffer.from('49492a0008000000', 'hex'), Buffer.alloc(40)]),
  'image/heic': Buffer.concat([
    Buffer.from('000000186674797068656963000000006d69663168656963', 'hex'),
    Buffer.alloc(40),
  ]),
};
