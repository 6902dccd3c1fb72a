import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  sampleCompoundFile,
  sampleDoc,
  sampleDocx,
  sampleEml,
  sampleImages,
  sampleMsg,
  sampleOdt,
  samplePdf,
  sampleXlsx,
  sampleZip,
} from '../../../test/support/sample-files.ts';
import { HEAD_SIZE, STORED_TYPES, sniffContentType } from './content-type.ts';

function sniff(bytes: Buffer): Promise<string | null> {
  return sniffContentType({
    size: bytes.length,
    head: bytes.subarray(0, HEAD_SIZE),
    readAt: async (position, length) => bytes.subarray(position, position + length),
  });
}

const text = (value: string): Buffer => Buffer.from(value, 'utf8');
const latin1 = (value: string): Buffer => Buffer.from(value, 'latin1');

const stored: readonly (readonly [what: string, type: string, bytes: Buffer])[] = [
  ['a PDF', 'application/pdf', samplePdf()],
  ['a PDF behind a printer’s lines', 'application/pdf', Buffer.concat([latin1('\x1b%-12345X@PJL\n\0'), samplePdf()])],
  ['a Word document', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', sampleDocx()],
  ['a workbook', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', sampleXlsx()],
  ['an OpenDocument text', 'application/vnd.oasis.opendocument.text', sampleOdt()],
  ['an old Word document', 'application/msword', sampleDoc()],
  ['an Outlook message', 'application/vnd.ms-outlook', sampleMsg()],
  ['an RTF', 'application/rtf', latin1('{\\rtf1\\ansi Zoe Sample}')],
  ['an RTF with binary data', 'application/rtf', latin1('{\\rtf1\\bin3 \0\x01\x02}')],
  ['a mail', 'message/rfc822', sampleEml()],
  ['a text', 'text/plain', text('Zoë Sample, seen today.\r\n\tNext visit: 3 March\f')],
  ['a text with a mark of UTF-8', 'text/plain', text('\ufeffZoe')],
  ['a text in UTF-16', 'text/plain', Buffer.from('\ufeffZoë Sample', 'utf16le')],
  ['a text in Windows-1252', 'text/plain', latin1('Zo\xeb Sample \x96 seen today')],
  ['a text that begins like a bitmap', 'text/plain', text('BMI 23.5, unchanged')],
  ['a text that begins like a program', 'text/plain', text('MZ: monozygotic twins')],
  ['a letter typed as a text', 'text/plain', text('From: Dr Sample\nTo: Dr Example\nDate: today\n\nDear colleague')],
  ['a page', 'text/html', text('\n <!DOCTYPE html>\n<html><body>Zoe</body></html>')],
  ['a page in XML', 'text/html', text('<?xml version="1.0"?>\n<!-- x --><html xmlns="x"/>')],
  ['a page in UTF-16', 'text/html', Buffer.from('\ufeff<HTML><BODY>', 'utf16le')],
  ...Object.entries(sampleImages).map(([type, bytes]) => [type, type, bytes] as const),
];

const other: readonly (readonly [what: string, type: string | null, bytes: Buffer])[] = [
  ['a Windows program', 'application/x-msdownload', Buffer.concat([latin1('MZ\x90\0\x03\0\0\0'), Buffer.alloc(100)])],
  ['a Linux program', 'application/x-elf', Buffer.concat([latin1('\x7fELF\x02\x01\x01\0'), Buffer.alloc(100)])],
  ['a shell script', 'text/x-shellscript', text('#!/bin/sh\necho')],
  ['a PHP script', 'application/x-httpd-php', text('<?php $password = 1;')],
  ['an archive', 'application/zip', sampleZip({ 'a.txt': 'a' })],
  ['a gzip', 'application/gzip', Buffer.from('1f8b0800000000000003', 'hex')],
  ['an old workbook', 'application/vnd.ms-excel', sampleCompoundFile([{ name: 'Workbook' }])],
  ['a protected document', 'application/encrypted', sampleCompoundFile([{ name: 'EncryptedPackage' }])],
  ['an installer', 'application/x-cfb', sampleCompoundFile([{ name: 'Tables' }])],
  ['an XML', 'application/xml', text('<?xml version="1.0"?><a/>')],
  ['a drawing', 'image/svg+xml', text('<svg xmlns="http://www.w3.org/2000/svg"/>')],
  ['zeros', null, Buffer.alloc(5000)],
  ['one zero', null, Buffer.alloc(1)],
  ['unknown bytes', null, Buffer.from('0102030405060708090a0b0c0d0e0f', 'hex')],
];

describe('content type', () => {
  it.each(stored)('knows %s: %s', async (_, type, bytes) => {
    expect(await sniff(bytes)).toBe(type);
    expect(STORED_TYPES).toContain(type);
  });

  it.each(other)('knows %s: %s, which is not stored', async (_, type, bytes) => {
    expect(await sniff(bytes)).toBe(type);
    expect(STORED_TYPES).not.toContain(type);
  });

  it('has a sample of every stored type', () => {
    expect(new Set([...stored.map(([, type]) => type), 'image/heif'])).toEqual(new Set(STORED_TYPES));
  });

  it('knows a text whose sample ends in the middle of a character', async () => {
    for (const shift of [0, 1, 2, 3]) {
      expect(await sniff(text(`${'a'.repeat(shift)}${'😀'.repeat(HEAD_SIZE / 2)}`))).toBe('text/plain');
    }
  });

  it('looks at the root of a compound file only', async () => {
    const workbookWithLetter = sampleCompoundFile([
      { name: 'Embedded', children: [{ name: 'WordDocument' }] },
      { name: 'Workbook' },
    ]);
    expect(await sniff(workbookWithLetter)).toBe('application/vnd.ms-excel');
  });

  it('finds the directory of a large compound file, whose table list overflows the header', async () => {
    const filler = Array.from({ length: 9 }, (_, i) => ({ name: `Stream ${i}` }));
    const entries = [...filler, { name: 'WordDocument' }];
    const large = sampleCompoundFile(entries, { directoryAfter: 110 * 128 + 5000 });
    expect(large.length).toBeGreaterThan(7 * 1024 * 1024);
    expect(await sniff(large)).toBe('application/msword');
    expect(await sniff(sampleCompoundFile(entries, { sectorShift: 12, directoryAfter: 3 }))).toBe('application/msword');
  });

  it('ends on a compound file that is damaged in any way', async () => {
    const whole = sampleCompoundFile([{ name: '1Table' }, { name: 'Data' }, { name: 'x' }, { name: 'WordDocument' }]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 0, max: whole.length }),
        async (changes, length) => {
          const damaged = Buffer.from(whole.subarray(0, length));
          for (const [at, value] of changes) if (at >= 8 && at < length) damaged[at] = value;
          const type = await sniff(damaged);
          if (length >= 8) expect(['application/msword', 'application/x-cfb']).toContain(type);
        },
      ),
    );
  });

  it('ends on a directory that leads in a circle', async () => {
    const circle = sampleCompoundFile([{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd' }]);
    const directory = 512;
    circle.writeUInt32LE(1, directory + 2 * 128 + 72); // b's neighbour is a again
    circle.writeUInt32LE(0, 512 + 2 * 512); // the directory's sector follows itself
    expect(await sniff(circle)).toBe('application/x-cfb');
  });

  it('never throws on any bytes', async () => {
    const beginnings = [...stored, ...other].map(([, , bytes]) => bytes.subarray(0, 64));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 300 }), async (beginning, rest) => {
        await sniff(Buffer.concat([beginning, rest]));
      }),
      { numRuns: 2000 },
    );
  });

  it('passes on what reading fails with', async () => {
    const bytes = sampleDocx();
    const content = {
      size: bytes.length,
      head: bytes,
      readAt: async (): Promise<Uint8Array> => {
        throw new Error('disk');
      },
    };
    await expect(sniffContentType(content)).rejects.toThrow('disk');
  });
});
