/**
 * What kind of document an OLE compound file (MS-CFB) is: `.doc`, `.msg`, `.xls` and password-protected Office files
 * share one container and differ only in the names in its root folder.
 */
export interface BytesAt {
  /** Size of the whole, in bytes. */
  readonly size: number;
  /** Up to `length` bytes from `position`; fewer only at the end. */
  readAt(position: number, length: number): Promise<Uint8Array>;
}

const HEADER_SIZE = 512;
const ENTRY_SIZE = 128;
const FAT_SECTORS_IN_HEADER = 109;
/** Above this a number is no sector or entry but a mark (end of chain, free, none). */
const LAST_SECTOR = 0xfffffffa;
/** Limits against damaged files whose chains are endless. */
const MAX_DIRECTORY_SECTORS = 256;
const MAX_FAT_HOPS = 1024;

/** The names that decide, in the order of [MS-DOC], [MS-OXMSG], [MS-OFFCRYPTO], [MS-XLS], [MS-PPT]. */
const KINDS: readonly (readonly [name: string, mimeType: string])[] = [
  ['WordDocument', 'application/msword'],
  ['__properties_version1.0', 'application/vnd.ms-outlook'],
  ['EncryptedPackage', 'application/encrypted'],
  ['Workbook', 'application/vnd.ms-excel'],
  ['Book', 'application/vnd.ms-excel'],
  ['PowerPoint Document', 'application/vnd.ms-powerpoint'],
];

/** @returns a MIME type; `application/x-cfb` when the names tell nothing */
export async function compoundFileType(file: BytesAt): Promise<string> {
  const names = await rootNames(file);
  return KINDS.find(([name]) => names.has(name))?.[1] ?? 'application/x-cfb';
}

/** Names in the root folder. Embedded objects lie deeper: a workbook with a letter inside stays a workbook. */
async function rootNames(file: BytesAt): Promise<ReadonlySet<string>> {
  const entries = await readDirectory(file);
  const names = new Set<string>();
  const seen = new Set<number>();
  const pending = [entries[0]?.child ?? LAST_SECTOR];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const entry = entries[id];
    if (entry === undefined || seen.has(id)) continue;
    seen.add(id);
    names.add(entry.name);
    pending.push(entry.left, entry.right);
  }
  return names;
}

interface Entry {
  readonly name: string;
  readonly left: number;
  readonly right: number;
  readonly child: number;
}

async function readDirectory(file: BytesAt): Promise<readonly Entry[]> {
  const header = view(await file.readAt(0, HEADER_SIZE));
  if (header.byteLength < HEADER_SIZE) return [];
  const shift = header.getUint16(30, true);
  if (shift !== 9 && shift !== 12) return [];
  const sectorSize = 1 << shift;
  const perSector = sectorSize / 4;
  const offsetOf = (sector: number): number => (sector + 1) * sectorSize;

  async function numberAt(offset: number): Promise<number> {
    const bytes = view(await file.readAt(offset, 4));
    return bytes.byteLength < 4 ? LAST_SECTOR : bytes.getUint32(0, true);
  }

  /** The n-th sector of the table of sectors. The first are listed in the header, the rest in a chain of lists. */
  async function fatSector(n: number): Promise<number> {
    if (n < FAT_SECTORS_IN_HEADER) return header.getUint32(76 + n * 4, true);
    const inLists = n - FAT_SECTORS_IN_HEADER;
    let list = header.getUint32(68, true);
    const hops = Math.floor(inLists / (perSector - 1));
    if (hops > MAX_FAT_HOPS) return LAST_SECTOR;
    for (let hop = 0; hop < hops && list < LAST_SECTOR; hop++) list = await numberAt(offsetOf(list) + sectorSize - 4);
    return list < LAST_SECTOR ? numberAt(offsetOf(list) + (inLists % (perSector - 1)) * 4) : LAST_SECTOR;
  }

  const entries: Entry[] = [];
  let sector = header.getUint32(48, true);
  for (let count = 0; sector < LAST_SECTOR && count < MAX_DIRECTORY_SECTORS; count++) {
    const bytes = await file.readAt(offsetOf(sector), sectorSize);
    for (let start = 0; start + ENTRY_SIZE <= bytes.byteLength; start += ENTRY_SIZE) {
      entries.push(entryOf(view(bytes.subarray(start, start + ENTRY_SIZE))));
    }
    const fat = await fatSector(Math.floor(sector / perSector));
    sector = fat < LAST_SECTOR ? await numberAt(offsetOf(fat) + (sector % perSector) * 4) : LAST_SECTOR;
  }
  return entries;
}

function entryOf(entry: DataView): Entry {
  // The length counts bytes of UTF-16, with a NUL at the end.
  const length = Math.min(Math.max(entry.getUint16(64, true) / 2 - 1, 0), 31);
  let name = '';
  for (let i = 0; i < length; i++) name += String.fromCharCode(entry.getUint16(i * 2, true));
  return {
    name,
    left: entry.getUint32(68, true),
    right: entry.getUint32(72, true),
    child: entry.getUint32(76, true),
  };
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
