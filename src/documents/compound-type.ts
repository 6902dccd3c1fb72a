/**
 * What kind of document an OLE compound file (MS-CFB) is: `.doc`, `.msg`, `.xls` and password-protected Office files share
 * one container and differ only in the names in its root folder.
 */
import { Reader } from '@kenjiuno/msgreader/lib/Reader.js';

/** The names that decide, in the order of [MS-DOC], [MS-OXMSG], [MS-OFFCRYPTO], [MS-XLS], [MS-PPT]. */
const KINDS: readonly (readonly [name: string, mimeType: string])[] = [
  ['WordDocument', 'application/msword'],
  ['__properties_version1.0', 'application/vnd.ms-outlook'],
  ['EncryptedPackage', 'application/encrypted'],
  ['Workbook', 'application/vnd.ms-excel'],
  ['Book', 'application/vnd.ms-excel'],
  ['PowerPoint Document', 'application/vnd.ms-powerpoint'],
];

/** Bit fEncrypted of the flags at byte 10 ([MS-DOC] §2.5.2). */
const DOC_FLAGS_AT = 10;
const DOC_ENCRYPTED = 0x0100;

/** @returns a MIME type; `application/encrypted` for what needs a password; `application/x-cfb` when the names tell nothing */
export function compoundType(bytes: Uint8Array): string {
  try {
    const reader = new Reader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    reader.parse();
    const root = reader.rootFolder();
    const names = new Set(root.fileNames());
    const kind = KINDS.find(([name]) => names.has(name))?.[1] ?? 'application/x-cfb';
    if (kind !== 'application/msword') return kind;
    const head = Buffer.from(root.readFile('WordDocument') ?? []);
    const encrypted = head.length > DOC_FLAGS_AT + 1 && (head.readUInt16LE(DOC_FLAGS_AT) & DOC_ENCRYPTED) !== 0;
    return encrypted ? 'application/encrypted' : kind;
  } catch {
    return 'application/x-cfb';
  }
}
