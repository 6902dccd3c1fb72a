/** The file share on a real file system: links, special files, races, rights and open descriptors. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  realpath,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFileShare, type FileShareOptions } from '../../src/connectors/vsrx/file-share.ts';
import { locateFile } from '../../src/connectors/vsrx/locate-file.ts';
import { openLocated, pathByIdentity } from '../../src/connectors/vsrx/open-file.ts';
import type { FileShare, ReadFile } from '../../src/ports/file-share.ts';
import { describeFileShare } from '../contract/file-share.ts';
import { readAll, sha256Of } from '../support/blob-content.ts';
import { samplePdf, samplePdfOf } from '../support/sample-files.ts';

const MIB = 1024 * 1024;

describeFileShare('file system', async (settings) => {
  const home = await mkdtemp(join(tmpdir(), 'chartsync-test-share-'));
  const base = join(home, 'login');
  const away = join(home, 'away');
  await mkdir(base);
  return {
    share: createFileShare({ ...settings, basePath: base }),
    write: (path, bytes, modifiedAt) => put(join(base, path), bytes, modifiedAt),
    remove: (path) => rm(join(base, path)),
    // An unmounted file system leaves its mount point behind, empty.
    unmount: async () => {
      await rename(base, away);
      await mkdir(base);
    },
    mount: async () => {
      await rm(base, { recursive: true });
      await rename(away, base);
    },
    close: () => rm(home, { recursive: true }),
  };
});

async function put(path: string, bytes: Uint8Array, modifiedAt?: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  if (modifiedAt === undefined) return;
  // In the middle of the millisecond: seconds as a fraction are not exact.
  const seconds = (modifiedAt + 0.5) / 1000;
  await utimes(path, seconds, seconds);
}

describe('file share on a file system', () => {
  let home: string;
  let base: string;
  let share: FileShare;

  beforeEach(async () => {
    home = await realpath(await mkdtemp(join(tmpdir(), 'chartsync-test-share-')));
    base = join(home, 'login');
    await put(join(base, 'notes/a.pdf'), samplePdf());
    await put(join(home, 'secret.pdf'), samplePdf('outside'));
    await put(join(home, 'login-backup/notes/a.pdf'), samplePdf('sibling'));
    share = createFileShare({ basePath: base });
  });
  afterEach(() => rm(home, { recursive: true }));

  const shareOf = (options: Partial<FileShareOptions>): FileShare => createFileShare({ basePath: base, ...options });

  async function expectBoth(path: string, code: string, by: FileShare = share): Promise<void> {
    await expect(by.stat(path)).rejects.toMatchObject({ code });
    await expect(by.read(path)).rejects.toMatchObject({ code });
  }

  async function expectRead(path: string, bytes: Uint8Array, by: FileShare = share): Promise<void> {
    const file = await by.read(path);
    expect(file.sha256).toBe(sha256Of(bytes));
    await file.close();
  }

  /** Descriptors on files below the test's folder. */
  function openFiles(): string[] {
    return readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        const path = readlinkSync(`/proc/self/fd/${fd}`);
        return path.startsWith(home) ? [path] : [];
      } catch {
        return [];
      }
    });
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await turn();
  }

  describe('links', () => {
    it.each([
      ['to a file outside', '../../secret.pdf'],
      ['to a file of the sibling folder', '../../login-backup/notes/a.pdf'],
      ['to a device', '/dev/zero'],
      ['to nowhere outside', '../../nowhere.pdf'],
      ['to nowhere in a folder that is not there', '/nowhere/at/all.pdf'],
      ['in a circle', 'link.pdf'],
    ])('%s are refused', async (_, target) => {
      await symlink(target, join(base, 'notes/link.pdf'));
      await expectBoth('notes/link.pdf', 'file_path_refused');
    });

    it('to folders outside are refused, whatever lies there', async () => {
      await symlink('../../login-backup', join(base, 'notes/backup'));
      await symlink('../../nowhere', join(base, 'notes/nowhere'));
      await expectBoth('notes/backup/notes/a.pdf', 'file_path_refused');
      await expectBoth('notes/backup/notes/gone.pdf', 'file_path_refused');
      await expectBoth('notes/nowhere/a.pdf', 'file_path_refused');
    });

    it('over links, out and back, are followed only to what lies inside', async () => {
      await symlink(home, join(base, 'notes/out'));
      await expectRead('notes/out/login/notes/a.pdf', samplePdf());
      await expectBoth('notes/out/secret.pdf', 'file_path_refused');
      await symlink('deeper.pdf', join(base, 'notes/first.pdf'));
      await symlink('../../secret.pdf', join(base, 'notes/deeper.pdf'));
      await expectBoth('notes/first.pdf', 'file_path_refused');
    });

    it('inside the base are followed', async () => {
      await put(join(base, 'archive/old.pdf'), samplePdf('old'));
      await symlink('../archive/old.pdf', join(base, 'notes/relative.pdf'));
      await symlink(join(base, 'archive'), join(base, 'notes/archive'));
      await symlink('a.pdf', join(base, 'notes/A.pdf'));
      await expectRead('notes/relative.pdf', samplePdf('old'));
      await expectRead('notes/archive/old.pdf', samplePdf('old'));
      await expectRead('notes/A.pdf', samplePdf());
    });

    it('to nowhere inside the base are missing', async () => {
      await symlink('gone.pdf', join(base, 'notes/link.pdf'));
      await symlink('link.pdf', join(base, 'notes/second.pdf'));
      await expectBoth('notes/link.pdf', 'file_missing');
      await expectBoth('notes/second.pdf', 'file_missing');
    });

    it('are followed in a name that is found by its other form', async () => {
      await symlink('../../secret.pdf', join(base, 'notes/Zoe\u0308.pdf'));
      await expectBoth('notes/Zo\u00eb.pdf', 'file_path_refused');
    });

    it('as the base are allowed, and followed anew at each call', async () => {
      const linked = join(home, 'current');
      await symlink('login', linked);
      const byLink = shareOf({ basePath: linked });
      await expectRead('notes/a.pdf', samplePdf(), byLink);
      const token = await byLink.probe();
      await symlink('../../login-backup/notes/a.pdf', join(base, 'notes/sibling.pdf'));
      await expectBoth('notes/sibling.pdf', 'file_path_refused', byLink);
      await rm(linked);
      await symlink('login-backup', linked);
      await expectRead('notes/a.pdf', samplePdf('sibling'), byLink);
      expect(await byLink.probe()).not.toBe(token);
    });

    it('that are hard share a file and are read', async () => {
      await link(join(base, 'notes/a.pdf'), join(base, 'notes/hard.pdf'));
      await expectRead('notes/hard.pdf', samplePdf());
    });
  });

  describe('special files', () => {
    it('of any kind are refused without waiting for them', async () => {
      execFileSync('mkfifo', [join(base, 'notes/fifo.pdf')]);
      await symlink('fifo.pdf', join(base, 'notes/to-fifo.pdf'));
      const socket = createServer().listen(join(base, 'notes/socket.pdf'));
      await once(socket, 'listening');
      await expectBoth('notes/fifo.pdf', 'file_not_regular');
      await expectBoth('notes/to-fifo.pdf', 'file_not_regular');
      await expectBoth('notes/socket.pdf', 'file_not_regular');
      await expectBoth('notes/sub', 'file_missing');
      await mkdir(join(base, 'notes/sub'));
      await expectBoth('notes/sub', 'file_not_regular');
      const devices = shareOf({ basePath: '/dev', prefixes: [] });
      await expectBoth('zero', 'file_not_regular', devices);
      await expectBoth('null', 'file_not_regular', devices);
      socket.close();
    });

    it('put in the place of a located file are not read', async () => {
      const segments = ['notes', 'a.pdf'];
      const located = await locateFile(base, segments);
      await rm(join(base, 'notes/a.pdf'));
      execFileSync('mkfifo', [join(base, 'notes/a.pdf')]);
      await expect(openLocated(located)).rejects.toMatchObject({ code: 'file_not_regular' });
      await rm(join(base, 'notes/a.pdf'));
      await symlink('../../secret.pdf', join(base, 'notes/a.pdf'));
      await expect(openLocated(located)).rejects.toMatchObject({ code: 'file_changed_while_read' });
      expect(openFiles()).toEqual([]);
    });
  });

  describe('a folder swapped for a link after the path was resolved', () => {
    it('is noticed on the open file', async () => {
      await put(join(base, 'notes/sub/secret.pdf'), samplePdf());
      const located = await locateFile(base, ['notes', 'sub', 'secret.pdf']);
      await rename(join(base, 'notes/sub'), join(base, 'notes/before'));
      await symlink(home, join(base, 'notes/sub'));
      await expect(openLocated(located)).rejects.toMatchObject({ code: 'file_path_refused' });
      expect(openFiles()).toEqual([]);
    });

    it('is noticed without /proc too', async () => {
      await put(join(base, 'notes/sub/secret.pdf'), samplePdf());
      const path = join(base, 'notes/sub/secret.pdf');
      const handle = await open(path);
      expect(await pathByIdentity(handle, path)).toBe(path);
      await rename(join(base, 'notes/sub'), join(base, 'notes/before'));
      await symlink(home, join(base, 'notes/sub'));
      await expect(pathByIdentity(handle, path)).rejects.toMatchObject({ code: 'file_changed_while_read' });
      await handle.close();
    });

    it('never lets the content outside through, however often it is swapped', async () => {
      await put(join(base, 'notes/sub/secret.pdf'), samplePdf());
      const program = `
        const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
        process.chdir(process.argv[1]);
        process.stdout.write('swapping');
        const rest = new Int32Array(new SharedArrayBuffer(4));
        for (let round = 0; ; round++) {
          renameSync('sub', 'before'); symlinkSync('../..', 'sub');
          unlinkSync('sub'); renameSync('before', 'sub');
          if (round % 50 === 0) Atomics.wait(rest, 0, 0, 2);
        }`;
      const swapper = spawn(process.execPath, ['-e', program, join(base, 'notes')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const seen = new Map<string, number>();
      try {
        await once(swapper.stdout, 'data');
        // How often the two meet is the machine's affair: read on until both outcomes were seen.
        const wanted = [sha256Of(samplePdf()), 'file_path_refused'];
        for (let round = 0; round < 200 || !wanted.every((what) => seen.has(what)); round++) {
          const reads = Array.from({ length: 20 }, () => share.read('notes/sub/secret.pdf'));
          for (const result of await Promise.allSettled(reads)) {
            const what = result.status === 'rejected' ? result.reason.code : result.value.sha256;
            seen.set(what, (seen.get(what) ?? 0) + 1);
          }
        }
      } finally {
        swapper.kill('SIGKILL');
        await once(swapper, 'exit');
      }
      expect([...seen.keys()]).not.toContain(sha256Of(samplePdf('outside')));
      expect(openFiles()).toEqual([]);
    });
  });

  it('opens nothing outside the base, whatever the path', async () => {
    await mkdir(join(base, 'notes/sub'));
    await put(join(base, 'notes/sub/b.pdf'), samplePdf('b'));
    await symlink('../..', join(base, 'notes/up'));
    await symlink('/', join(base, 'notes/root'));
    await symlink('sub', join(base, 'notes/side'));
    const inside = new Set([samplePdf(), samplePdf('b')].map(sha256Of));
    const names = [
      'notes',
      'sub',
      'up',
      'root',
      'side',
      '..',
      '.',
      '',
      'login',
      'login-backup',
      'a.pdf',
      'b.pdf',
      'secret.pdf',
    ];
    const piece = fc.oneof(fc.constantFrom(...names, home.slice(1)), fc.string({ maxLength: 3 }));
    const free = shareOf({ prefixes: [] });
    const codes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 7 }),
        fc.constantFrom('/', '\\', '／'),
        async (pieces, separator) => {
          for (const path of [pieces.join(separator), `notes/${pieces.join(separator)}`]) {
            const result = await free.read(path).then(
              (file) => file.sha256,
              (error) => error.code,
            );
            if (!inside.has(result))
              expect(['file_path_refused', 'file_missing', 'file_not_regular']).toContain(result);
            codes.add(inside.has(result) ? 'read' : result);
          }
        },
      ),
      { numRuns: 1500, examples: [[['notes', 'side', 'b.pdf'], '/']] },
    );
    expect([...codes].sort()).toEqual(['file_missing', 'file_not_regular', 'file_path_refused', 'read']);
  });

  it('tells an unreadable file and folder from a missing one', async () => {
    await put(join(base, 'notes/locked.pdf'), samplePdf());
    await put(join(base, 'notes/closed/a.pdf'), samplePdf());
    await chmod(home, 0o755);
    await chmod(join(base, 'notes/locked.pdf'), 0o000);
    await chmod(join(base, 'notes/closed'), 0o000);
    await asOrdinaryUser(async () => {
      await expect(share.read('notes/locked.pdf')).rejects.toMatchObject({ code: 'file_unreadable', action: 'skip' });
      expect(await share.stat('notes/locked.pdf')).toMatchObject({ size: samplePdf().length });
      await expectBoth('notes/closed/a.pdf', 'file_unreadable');
      await expectBoth('notes/closed/gone.pdf', 'file_unreadable');
      await expectRead('notes/a.pdf', samplePdf());
    });
    await chmod(join(base, 'notes/closed'), 0o755);
    expect(openFiles()).toEqual([]);
  });

  /** The superuser may read everything, so the rights of somebody else are taken for a while. */
  async function asOrdinaryUser(work: () => Promise<void>): Promise<void> {
    if (process.geteuid!() !== 0) return work();
    process.seteuid!(65_534);
    try {
      await work();
    } finally {
      process.seteuid!(0);
    }
  }

  describe('a file that changes while it is hashed', () => {
    const path = 'notes/large.pdf';
    const changes: readonly (readonly [string, (file: string) => void])[] = [
      ['grows', (file) => appendFileSync(file, 'more')],
      ['shrinks', (file) => truncateSync(file, 5 * MIB)],
      ['is emptied', (file) => truncateSync(file, 0)],
      ['is written anew', (file) => utimesSync(file, 1, 1)],
      ['vanishes', (file) => rmSync(file)],
    ];

    it.each(changes)('and %s is not taken', async (_, change) => {
      await put(join(base, path), samplePdfOf(40 * MIB));
      const before = bytesRead();
      const outcome = expect(share.read(path)).rejects.toMatchObject({
        code: 'file_changed_while_read',
        action: 'retry',
      });
      await until(() => bytesRead() > before + 4 * MIB);
      change(join(base, path));
      await outcome;
      expect(openFiles()).toEqual([]);
    });

    it.each(changes)('and %s is not taken when it is held in memory', async (_, change) => {
      await put(join(base, path), samplePdfOf(40 * MIB));
      const reading = shareOf({ smallFileSize: 64 * MIB }).read(path);
      const outcome = expect(reading).rejects.toMatchObject({ code: 'file_changed_while_read', action: 'retry' });
      await until(() => openFiles().length > 0);
      change(join(base, path));
      await outcome;
      expect(openFiles()).toEqual([]);
    });

    /** By this process, from any file. */
    function bytesRead(): number {
      return Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
    }

    it('and is replaced is not taken', async () => {
      await put(join(base, path), samplePdfOf(40 * MIB));
      writeFileSync(join(home, 'next.pdf'), samplePdf());
      const outcome = expect(share.read(path)).rejects.toMatchObject({ code: 'file_changed_while_read' });
      await until(() => openFiles().length > 0);
      await rename(join(home, 'next.pdf'), join(base, path));
      await outcome;
    });
  });

  it('notices a change between two chunks of a stream', async () => {
    await put(join(base, 'notes/large.pdf'), samplePdfOf(8 * MIB));
    const file = await shareOf({ smallFileSize: 1 }).read('notes/large.pdf');
    let size = 0;
    const reading = (async () => {
      for await (const chunk of file.open() as Readable) {
        if (size === 0) {
          const handle = await open(join(base, 'notes/large.pdf'), 'r+');
          await handle.write('X', 8 * MIB - 10);
          await handle.close();
        }
        size += chunk.length;
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'file_changed_while_read' });
    expect(size).toBe(8 * MIB);
    await file.close();
    expect(openFiles()).toEqual([]);
  });

  describe('descriptors', () => {
    it('are open only for large files, until they are closed', async () => {
      await put(join(base, 'notes/large.pdf'), samplePdfOf(3 * MIB));
      const small = await share.read('notes/a.pdf');
      expect(openFiles()).toEqual([]);
      await small.close();
      const large = await shareOf({ smallFileSize: MIB }).read('notes/large.pdf');
      expect(openFiles()).toHaveLength(1);
      await large.close();
      expect(openFiles()).toEqual([]);
    });

    it('are never left behind, whatever fails or is aborted', async () => {
      await put(join(base, 'notes/large.pdf'), samplePdfOf(3 * MIB));
      await put(join(base, 'notes/zeros.pdf'), Buffer.alloc(3 * MIB));
      await put(join(base, 'notes/empty.pdf'), Buffer.alloc(0));
      await symlink('/etc/hostname', join(base, 'notes/out.pdf'));
      const paths = ['a.pdf', 'large.pdf', 'zeros.pdf', 'empty.pdf', 'out.pdf', 'gone.pdf', '../b'].map(
        (name) => `notes/${name}`,
      );
      const shares = [shareOf({ smallFileSize: MIB, marker: 'notes/a.pdf' }), shareOf({ smallFileSize: 10 })];
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({ path: fc.constantFrom(...paths), share: fc.constantFrom(...shares), abort: fc.nat(30) }),
            {
              maxLength: 12,
            },
          ),
          async (reads) => {
            await Promise.all(
              reads.map(async (read) => {
                const control = new AbortController();
                const reading = read.share.read(read.path, control.signal).then((file) => file.close());
                const aborting = (async () => {
                  for (let turns = 0; turns < read.abort; turns++) await turn();
                  control.abort();
                })();
                await Promise.allSettled([reading, aborting]);
              }),
            );
            // An abort answers at once; the call that was under way ends behind it.
            await until(() => openFiles().length === 0);
          },
        ),
        { numRuns: 300 },
      );
    });

    it('of a closed file are not read by a stream that is still there', async () => {
      await put(join(base, 'notes/large.pdf'), samplePdfOf(8 * MIB));
      const file = await shareOf({ smallFileSize: MIB }).read('notes/large.pdf');
      const stream = file.open() as Readable;
      await once(stream, 'readable');
      await file.close();
      await expect(readAll(stream)).rejects.toMatchObject({ code: 'unexpected' });
      await expect(readAll(file.open() as Readable)).rejects.toMatchObject({ code: 'unexpected' });
      expect(openFiles()).toEqual([]);
    });
  });

  it('stops hashing and streaming when the signal aborts', async () => {
    await put(join(base, 'notes/large.pdf'), samplePdfOf(40 * MIB));
    const large = shareOf({ smallFileSize: MIB });
    const control = new AbortController();
    const reading = large.read('notes/large.pdf', control.signal);
    const outcome = expect(reading).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => openFiles().length > 0);
    control.abort();
    await outcome;
    await until(() => openFiles().length === 0);

    const second = new AbortController();
    const file: ReadFile = await large.read('notes/large.pdf', second.signal);
    const stream = file.open() as Readable;
    await once(stream, 'readable');
    second.abort();
    await expect(readAll(stream)).rejects.toMatchObject({ code: 'cancelled' });
    await file.close();
  });

  describe('probe', () => {
    it('answers null for what is no share, and never throws for it', async () => {
      await put(join(home, 'file'), samplePdf());
      for (const basePath of [join(home, 'gone'), join(home, 'file'), join(home, 'file/sub')]) {
        expect(await shareOf({ basePath }).probe()).toBeNull();
        expect(await shareOf({ basePath, prefixes: [] }).probe()).toBeNull();
        expect(await shareOf({ basePath, marker: 'x' }).probe()).toBeNull();
        await expectBoth('notes/a.pdf', 'share_unavailable', shareOf({ basePath }));
      }
    });

    it('answers null for a share that may not be listed', async () => {
      await chmod(home, 0o755);
      await chmod(join(base, 'notes'), 0o000);
      await asOrdinaryUser(async () => expect(await share.probe()).toBeNull());
      await chmod(join(base, 'notes'), 0o755);
    });

    it('takes an empty disk for an empty mount point', async () => {
      const disk = join(home, 'disk');
      await mkdir(join(disk, 'lost+found'), { recursive: true });
      expect(await shareOf({ basePath: disk, prefixes: [] }).probe()).toBeNull();
    });

    it('tells another folder in the same place', async () => {
      const token = await share.probe();
      await rename(base, join(home, 'before'));
      await put(join(base, 'notes/a.pdf'), samplePdf());
      expect(await share.probe()).not.toBe(token);
      const marked = shareOf({ marker: 'notes/a.pdf' });
      const byMarker = await marked.probe();
      await rename(base, join(home, 'second'));
      await put(join(base, 'notes/a.pdf'), samplePdf());
      expect(await marked.probe()).not.toBe(byMarker);
    });

    it('believes no marker that is a link outside or no file', async () => {
      await symlink('../secret.pdf', join(base, 'marker'));
      expect(await shareOf({ marker: 'marker' }).probe()).toBeNull();
      execFileSync('mkfifo', [join(base, 'fifo')]);
      expect(await shareOf({ marker: 'fifo' }).probe()).toBeNull();
      expect(() => shareOf({ marker: '../secret.pdf' })).toThrow(RangeError);
      expect(() => shareOf({ marker: '' })).toThrow(RangeError);
    });
  });

  it('changes nothing on the share', async () => {
    const before = await lstat(join(base, 'notes'), { bigint: true });
    await expectRead('notes/a.pdf', samplePdf());
    await share.probe();
    const after = await lstat(join(base, 'notes'), { bigint: true });
    expect(after.mtimeNs).toBe(before.mtimeNs);
    expect(await readdir(base)).toEqual(['notes']);
  });
});
