/**
 * The contract of `src/ports/file-share.ts`, sentence by sentence, for any adapter.
 */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { FileShare } from '../../src/ports/file-share.ts';
import { readAll, sha256Of } from '../support/blob-content.ts';
import { sampleDocx, sampleMsg, samplePdf, samplePdfOf, sampleZip } from '../support/sample-files.ts';

export interface FileShareSettings {
  readonly prefixes?: readonly string[];
  readonly marker?: string | null;
  readonly maxFileSize?: number;
  readonly smallFileSize?: number;
  readonly allowedTypes?: readonly string[] | 'any';
}

export interface FileShareUnderTest {
  readonly share: FileShare;
  /** Puts a file onto the mounted share, with its folders. */
  write(path: string, bytes: Uint8Array, modifiedAt?: number): Promise<void>;
  remove(path: string): Promise<void>;
  /** Takes the share away, as an unmounted file system is away. */
  unmount(): Promise<void>;
  /** Brings the same share back. */
  mount(): Promise<void>;
  close(): Promise<void>;
}

const refusedPaths: readonly string[] = [
  '',
  '/notes/a.pdf',
  '//server/notes/a.pdf',
  '../login-backup/notes/a.pdf',
  'notes/../../secret.pdf',
  'notes/../notes/a.pdf',
  'notes/a.pdf\0',
  'notes/a.pdf\0.txt',
  'notes/a\r\n.pdf',
  'notes\\a.pdf',
  'C:/notes/a.pdf',
  'notes/a.pdf/',
  'a.pdf',
  'notes-old/a.pdf',
  'NOTES/a.pdf',
  'notes／a.pdf',
  `notes/${'a'.repeat(5000)}`,
];

/** @param makeShare called for each test */
export function describeFileShare(
  name: string,
  makeShare: (settings: FileShareSettings) => Promise<FileShareUnderTest>,
): void {
  describe(`file share contract: ${name}`, () => {
    const open: FileShareUnderTest[] = [];
    async function start(settings: FileShareSettings = {}): Promise<FileShareUnderTest> {
      const subject = await makeShare(settings);
      open.push(subject);
      return subject;
    }
    afterEach(async () => {
      for (const subject of open.splice(0)) await subject.close();
    });

    it('tells size and time of a file', async () => {
      const { share, write } = await start();
      await write('notes/2026/a.pdf', samplePdf(), 1_700_000_000_123);
      expect(await share.stat('notes/2026/a.pdf')).toEqual({ size: samplePdf().length, modifiedAt: 1_700_000_000_123 });
      expect(await share.stat('./notes//2026/a.pdf')).toMatchObject({ size: samplePdf().length });
    });

    it('reads a small file whole', async () => {
      const { share, write } = await start();
      await write('notes/a.pdf', samplePdf(), 1_700_000_000_123);
      const file = await share.read('notes/a.pdf');
      expect(file).toMatchObject({
        size: samplePdf().length,
        modifiedAt: 1_700_000_000_123,
        sha256: sha256Of(samplePdf()),
        mimeType: 'application/pdf',
      });
      for (let i = 0; i < 2; i++) expect(Buffer.from(file.open() as Uint8Array)).toEqual(samplePdf());
      await file.close();
      await file.close();
    });

    it('streams a large file, as often as it is opened, also at once', async () => {
      const { share, write } = await start({ smallFileSize: 1000 });
      const bytes = samplePdfOf(1_000_003);
      await write('notes/a.pdf', bytes);
      const file = await share.read('notes/a.pdf');
      expect(file).toMatchObject({ size: bytes.length, sha256: sha256Of(bytes), mimeType: 'application/pdf' });
      const streams = [file.open(), file.open()] as Readable[];
      for (const content of await Promise.all(streams.map(readAll))) expect(Buffer.compare(content, bytes)).toBe(0);
      expect(Buffer.compare(await readAll(file.open() as Readable), bytes)).toBe(0);
      await file.close();
      await file.close();
    });

    it('holds a file of the limit and streams the next larger one', async () => {
      const { share, write } = await start({ smallFileSize: 1000 });
      await write('notes/1000.pdf', samplePdfOf(1000));
      await write('notes/1001.pdf', samplePdfOf(1001));
      const [held, streamed] = [await share.read('notes/1000.pdf'), await share.read('notes/1001.pdf')];
      expect(held.open()).toBeInstanceOf(Uint8Array);
      expect(streamed.open()).not.toBeInstanceOf(Uint8Array);
      await Promise.all([held.close(), streamed.close()]);
    });

    it('tells the type by the bytes, of held and of streamed files', async () => {
      const { share, write } = await start({ smallFileSize: 700 });
      await write('notes/wrong-name.pdf', sampleDocx());
      await write('notes/no-name', sampleMsg());
      const [held, streamed] = [await share.read('notes/wrong-name.pdf'), await share.read('notes/no-name')];
      expect(held.mimeType).toBe('application/vnd.openxmlformats-officedocument.wordprocessingml.document');
      expect(streamed.mimeType).toBe('application/vnd.ms-outlook');
      await Promise.all([held.close(), streamed.close()]);
    });

    it.each(refusedPaths)('refuses %j, mounted or not', async (path) => {
      const { share, write, unmount } = await start();
      await write('notes/a.pdf', samplePdf());
      await expect(share.stat(path)).rejects.toMatchObject({ code: 'file_path_refused', action: 'skip' });
      await expect(share.read(path)).rejects.toMatchObject({ code: 'file_path_refused' });
      await unmount();
      await expect(share.read(path)).rejects.toMatchObject({ code: 'file_path_refused' });
    });

    it('says nothing of a path in an error', async () => {
      const { share, write } = await start();
      await write('notes/a.pdf', samplePdf());
      for (const path of ['../Sample-Zoe.pdf', 'notes/Sample-Zoe.pdf', 'notes/a.pdf/Sample-Zoe.pdf']) {
        const error = await share.read(path).catch((reason: unknown) => reason);
        expect(String(error)).not.toMatch(/Sample|Zoe|notes/);
      }
    });

    it('reads below the configured prefixes only, or anywhere when there is none', async () => {
      const one = await start({ prefixes: ['notes', 'scans/in/'] });
      await one.write('scans/in/a.pdf', samplePdf());
      await one.write('scans/a.pdf', samplePdf());
      expect(await one.share.stat('scans/in/a.pdf')).toMatchObject({ size: samplePdf().length });
      await expect(one.share.stat('scans/a.pdf')).rejects.toMatchObject({ code: 'file_path_refused' });
      const any = await start({ prefixes: [] });
      await any.write('a.pdf', samplePdf());
      expect(await any.share.stat('a.pdf')).toMatchObject({ size: samplePdf().length });
    });

    it.each([
      'notes/gone.pdf',
      'notes/gone/a.pdf',
      // A file where a folder should be.
      'notes/a.pdf/b.pdf',
      // Other case.
      'notes/A.pdf',
      'notes/a.PDF',
      // Look-alikes are names, and there is none such.
      'notes/．．/secret.pdf',
      'notes/a․pdf',
      'notes/sub／b.pdf',
    ])('calls %j missing', async (path) => {
      const { share, write } = await start();
      await write('notes/a.pdf', samplePdf());
      await write('notes/sub/b.pdf', samplePdf());
      await write('secret.pdf', samplePdf());
      await expect(share.stat(path)).rejects.toMatchObject({ code: 'file_missing', action: 'skip' });
      await expect(share.read(path)).rejects.toMatchObject({ code: 'file_missing' });
    });

    it('calls a removed file missing', async () => {
      const { share, write, remove } = await start();
      await write('notes/a.pdf', samplePdf());
      await write('notes/b.pdf', samplePdf());
      await remove('notes/a.pdf');
      await expect(share.read('notes/a.pdf')).rejects.toMatchObject({ code: 'file_missing' });
    });

    it('takes look-alikes as names', async () => {
      const { share, write } = await start();
      await write('notes/．．／secret.pdf', samplePdf('fullwidth'));
      const file = await share.read('notes/．．／secret.pdf');
      expect(file.sha256).toBe(sha256Of(samplePdf('fullwidth')));
      await file.close();
    });

    describe('with names that look the same', () => {
      const composed = 'notes/Zo\u00eb/Zo\u00eb.pdf';
      const decomposed = 'notes/Zoe\u0308/Zoe\u0308.pdf';
      const mixed = 'notes/Zoe\u0308/Zo\u00eb.pdf';

      it.each([
        ['composed', decomposed],
        ['decomposed', composed],
        ['mixed', composed],
        ['mixed', decomposed],
      ])('finds the %s one by its other form', async (kind, asked) => {
        const { share, write } = await start();
        await write({ composed, decomposed, mixed }[kind]!, samplePdf());
        expect(await share.stat(asked)).toMatchObject({ size: samplePdf().length });
        const file = await share.read(asked);
        expect(file.sha256).toBe(sha256Of(samplePdf()));
        await file.close();
        await expect(share.stat(asked.toUpperCase().replace('NOTES', 'notes'))).rejects.toMatchObject({
          code: 'file_missing',
        });
      });

      it('prefers the exact one', async () => {
        const { share, write } = await start();
        await write(composed, samplePdf('composed'));
        await write(decomposed, samplePdf('decomposed, longer'));
        expect(await share.stat(composed)).toMatchObject({ size: samplePdf('composed').length });
        expect(await share.stat(decomposed)).toMatchObject({ size: samplePdf('decomposed, longer').length });
      });

      it('does not choose between two', async () => {
        const { share, write } = await start();
        const [neither, nfc, nfd] = ['e\u0302\u1ec7', '\u00ea\u1ec7', 'e\u0302e\u0323\u0302'];
        await write(`notes/${nfc}.pdf`, samplePdf());
        expect(await share.stat(`notes/${neither}.pdf`)).toMatchObject({ size: samplePdf().length });
        await write(`notes/${nfd}.pdf`, samplePdf());
        await expect(share.stat(`notes/${neither}.pdf`)).rejects.toMatchObject({ code: 'file_missing' });
      });
    });

    it('refuses a folder as not regular', async () => {
      const { share, write } = await start();
      await write('notes/folder/a.pdf', samplePdf());
      await expect(share.stat('notes/folder')).rejects.toMatchObject({ code: 'file_not_regular' });
      await expect(share.read('notes/folder')).rejects.toMatchObject({ code: 'file_not_regular' });
    });

    it('refuses an empty and a too large file, but tells their size', async () => {
      const { share, write } = await start({ maxFileSize: 1000 });
      await write('notes/empty.pdf', new Uint8Array());
      await write('notes/limit.pdf', samplePdfOf(1000));
      await write('notes/large.pdf', samplePdfOf(1001));
      await expect(share.read('notes/empty.pdf')).rejects.toMatchObject({ code: 'file_empty', action: 'skip' });
      await expect(share.read('notes/large.pdf')).rejects.toMatchObject({ code: 'file_too_large', action: 'skip' });
      await (await share.read('notes/limit.pdf')).close();
      expect(await share.stat('notes/empty.pdf')).toMatchObject({ size: 0 });
      expect(await share.stat('notes/large.pdf')).toMatchObject({ size: 1001 });
    });

    it('refuses types that are not stored, held or streamed', async () => {
      const { share, write } = await start({ smallFileSize: 700 });
      const program = Buffer.concat([Buffer.from('MZ\x90\0\x03\0\0\0', 'latin1'), Buffer.alloc(1000)]);
      await write('notes/program.pdf', program);
      await write('notes/archive.docx', sampleZip({ 'a.txt': 'a' }));
      await write('notes/unknown.txt', Buffer.alloc(100));
      for (const path of ['notes/program.pdf', 'notes/archive.docx', 'notes/unknown.txt']) {
        await expect(share.read(path)).rejects.toMatchObject({ code: 'file_type_unsupported', action: 'skip' });
      }
    });

    it('stores other types when told to', async () => {
      const some = await start({ allowedTypes: ['application/zip'] });
      await some.write('notes/a.zip', sampleZip({ 'a.txt': 'a' }));
      await some.write('notes/a.pdf', samplePdf());
      expect(await (await some.share.read('notes/a.zip')).mimeType).toBe('application/zip');
      await expect(some.share.read('notes/a.pdf')).rejects.toMatchObject({ code: 'file_type_unsupported' });
      const any = await start({ allowedTypes: 'any' });
      await any.write('notes/unknown', Buffer.alloc(100));
      expect((await any.share.read('notes/unknown')).mimeType).toBeNull();
    });

    it('fails a stream whose file has other content than was hashed', async () => {
      const { share, write } = await start({ smallFileSize: 1000 });
      await write('notes/a.pdf', samplePdfOf(1_000_000, 1));
      for (const bytes of [samplePdfOf(1_000_000, 2), samplePdfOf(900_000, 1), samplePdfOf(1_100_000, 1)]) {
        await write('notes/a.pdf', samplePdfOf(1_000_000, 1));
        const file = await share.read('notes/a.pdf');
        await write('notes/a.pdf', bytes);
        await expect(readAll(file.open() as Readable)).rejects.toMatchObject({
          code: 'file_changed_while_read',
          action: 'retry',
        });
        await file.close();
      }
    });

    it('goes on delivering a removed file that is open', async () => {
      const { share, write, remove } = await start({ smallFileSize: 1000 });
      const bytes = samplePdfOf(1_000_000);
      await write('notes/a.pdf', bytes);
      const file = await share.read('notes/a.pdf');
      await remove('notes/a.pdf');
      expect(Buffer.compare(await readAll(file.open() as Readable), bytes)).toBe(0);
      await file.close();
    });

    it('may be left in the middle of a stream', async () => {
      const { share, write } = await start({ smallFileSize: 1000 });
      await write('notes/a.pdf', samplePdfOf(3_000_000));
      const file = await share.read('notes/a.pdf');
      const stream = file.open() as Readable;
      await once(stream, 'readable');
      stream.destroy();
      await once(stream, 'close');
      await file.close();
    });

    describe('probe', () => {
      it('answers the same while the share is mounted, and null while it is not', async () => {
        const { share, write, unmount, mount } = await start();
        await write('notes/a.pdf', samplePdf());
        const token = await share.probe();
        expect(token).toMatch(/^\S+$/);
        await write('notes/b.pdf', samplePdf());
        expect(await share.probe()).toBe(token);
        await unmount();
        expect(await share.probe()).toBeNull();
        await mount();
        expect(await share.probe()).toBe(token);
      });

      it('answers null when a prefix folder is empty or absent', async () => {
        const { share, write, remove } = await start({ prefixes: ['notes', 'scans'] });
        expect(await share.probe()).toBeNull();
        await write('notes/a.pdf', samplePdf());
        expect(await share.probe()).toBeNull();
        await write('scans/a.pdf', samplePdf());
        expect(await share.probe()).not.toBeNull();
        await remove('notes/a.pdf');
        expect(await share.probe()).toBeNull();
        await write('notes/.hidden', samplePdf());
        expect(await share.probe()).toBeNull();
      });

      it('looks at the base itself when there is no prefix', async () => {
        const { share, write } = await start({ prefixes: [] });
        expect(await share.probe()).toBeNull();
        await write('a.pdf', samplePdf());
        expect(await share.probe()).not.toBeNull();
      });

      it('goes by the marker when there is one', async () => {
        const { share, write, remove } = await start({ marker: '.chartsync-share' });
        await write('notes/a.pdf', samplePdf());
        expect(await share.probe()).toBeNull();
        await write('.chartsync-share', Buffer.from('riverside'));
        const token = await share.probe();
        expect(token).not.toBeNull();
        // The marker vouches for an empty folder.
        await remove('notes/a.pdf');
        expect(await share.probe()).toBe(token);
        await write('.chartsync-share', Buffer.from('harbour'));
        expect(await share.probe()).not.toBe(token);
        expect(await share.probe()).not.toBeNull();
        await remove('.chartsync-share');
        expect(await share.probe()).toBeNull();
        await write('.chartsync-share/x', Buffer.from('a folder'));
        expect(await share.probe()).toBeNull();
      });
    });

    it('never calls a file missing while the share is away', async () => {
      const { share, write, unmount, mount } = await start();
      await write('notes/a.pdf', samplePdf());
      await unmount();
      for (const path of ['notes/a.pdf', 'notes/gone.pdf', 'notes/a.pdf/b.pdf']) {
        await expect(share.stat(path)).rejects.toMatchObject({ code: 'share_unavailable', action: 'stop' });
        await expect(share.read(path)).rejects.toMatchObject({ code: 'share_unavailable' });
      }
      await mount();
      expect(await share.stat('notes/a.pdf')).toMatchObject({ size: samplePdf().length });
      await expect(share.stat('notes/gone.pdf')).rejects.toMatchObject({ code: 'file_missing' });
    });

    it('never calls a file missing while the marker is', async () => {
      const { share, write } = await start({ marker: 'marker.txt' });
      await write('notes/a.pdf', samplePdf());
      await expect(share.stat('notes/gone.pdf')).rejects.toMatchObject({ code: 'share_unavailable' });
      await write('marker.txt', Buffer.from('x'));
      await expect(share.stat('notes/gone.pdf')).rejects.toMatchObject({ code: 'file_missing' });
    });

    it('does nothing for an aborted signal', async () => {
      const { share, write } = await start();
      await write('notes/a.pdf', samplePdf());
      const signal = AbortSignal.abort();
      const calls = [
        () => share.probe(signal),
        () => share.stat('notes/a.pdf', signal),
        () => share.read('notes/a.pdf', signal),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'cancelled' });
    });
  });
}
