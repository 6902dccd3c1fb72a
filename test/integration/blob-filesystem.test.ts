import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BlobStore, blobName } from '../../src/ports/blob-store.ts';
import { createFilesystemBlobStore } from '../../src/stores/blobs/filesystem.ts';
import { toFilesystemError } from '../../src/stores/blobs/filesystem-error.ts';
import { createFolderSync } from '../../src/stores/blobs/folder-sync.ts';
import { describeBlobStore } from '../contract/blob-store.ts';
import { gatedContent, heldContent, nameOf, readAll, sampleBytes, sha256Of } from '../support/blob-content.ts';

function pathOf(folder: string, name: string): string {
  const [organization, sha256] = name.split('/') as [string, string];
  return join(folder, organization, sha256.slice(0, 2), sha256);
}

describe.each([{ fsync: true }, { fsync: false }])('with %o', ({ fsync }) => {
  describeBlobStore('filesystem', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'blobs-'));
    const folder = join(parent, 'deeper', 'blobs');
    return {
      store: createFilesystemBlobStore({ folder, fsync }),
      another: async () => createFilesystemBlobStore({ folder, fsync }),
      tamper: (name, bytes) => writeFile(pathOf(folder, name), bytes),
      close: () => rm(parent, { recursive: true }),
    };
  });
});

describe('filesystem blob store', () => {
  let parent: string;
  let folder: string;
  let store: BlobStore;

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'blobs-'));
    folder = join(parent, 'blobs');
    store = createFilesystemBlobStore({ folder });
    await store.prepare();
  });
  afterEach(() => rm(parent, { recursive: true }));

  async function names(prefix = ''): Promise<string[]> {
    return (await Array.fromAsync(store.list(prefix))).flat().map((info) => info.name);
  }

  it('keeps a blob where its name says, for its own user only', async () => {
    const content = heldContent(Buffer.from('where'));
    const name = nameOf('org', content);
    await store.put(name, content);
    const path = pathOf(folder, name);
    const modes = await Promise.all(
      [path, join(path, '..'), join(folder, 'org'), folder, join(folder, '.tmp')].map(async (each) =>
        ((await stat(each)).mode & 0o777).toString(8),
      ),
    );
    expect(modes).toEqual(['600', '700', '700', '700', '700']);
    expect((await stat(path)).nlink).toBe(1);
  });

  it('leaves no temporary file, whatever happens', async () => {
    const content = heldContent(sampleBytes('temporary', 100_000));
    const name = nameOf('org', content);
    await Promise.all([1, 2, 3].map(() => store.put(name, content)));
    const wrong = { ...content, size: content.size + 1, sha256: sha256Of(Buffer.from('wrong')) };
    await expect(store.put(nameOf('org', wrong), wrong)).rejects.toMatchObject({ code: 'blob_corrupt' });
    const controller = new AbortController();
    const gated = gatedContent(sampleBytes('gated', 100_000));
    const put = store.put(nameOf('org', gated), gated, controller.signal);
    await gated.reached;
    expect((await readdir(join(folder, '.tmp'))).length).toBe(1);
    controller.abort();
    await expect(put).rejects.toMatchObject({ code: 'cancelled' });
    expect(await readdir(join(folder, '.tmp'))).toEqual([]);
  });

  it('shows nothing of a blob whose writer was killed, and clears its remains after a day', async () => {
    const script = `
      import { createFilesystemBlobStore } from './src/stores/blobs/filesystem.ts';
      import { gatedContent, nameOf, sampleBytes } from './test/support/blob-content.ts';
      const content = gatedContent(sampleBytes('killed', 1_000_000));
      createFilesystemBlobStore({ folder: process.argv[1] }).put(nameOf('org', content), content);
      await content.reached;
      console.log('reached');
      setInterval(() => {}, 1_000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    try {
      const [line] = await once(createInterface({ input: child.stdout }), 'line');
      expect(line).toBe('reached');
    } finally {
      child.kill('SIGKILL');
      await exited;
    }

    const bytes = sampleBytes('killed', 1_000_000);
    const content = heldContent(bytes);
    const name = nameOf('org', content);
    expect(await store.stat(name)).toBeNull();
    expect(await names()).toEqual([]);
    const [remains, ...others] = await readdir(join(folder, '.tmp'));
    expect(others).toEqual([]);

    await store.prepare();
    expect(await readdir(join(folder, '.tmp'))).toEqual([remains]);
    const longAgo = Date.now() / 1000 - 25 * 60 * 60;
    await utimes(join(folder, '.tmp', remains!), longAgo, longAgo);
    await store.prepare();
    expect(await readdir(join(folder, '.tmp'))).toEqual([]);
    expect(await store.put(name, content)).toBe('created');
  });

  it.each([
    ['is gone', false],
    ['is an empty mount point', true],
  ])('is blob_unavailable while its folder %s, and creates none', async (_, emptyFolder) => {
    const content = heldContent(Buffer.from('unmounted'));
    const name = nameOf('org', content);
    const other = heldContent(Buffer.from('other'));
    await store.put(name, content);
    await rename(folder, `${folder}.away`);
    if (emptyFolder) await mkdir(folder);
    const unavailable = { code: 'blob_unavailable', action: 'retry' };
    const fresh = createFilesystemBlobStore({ folder });
    for (const each of [store, fresh]) {
      await expect(each.put(name, content)).rejects.toMatchObject(unavailable);
      await expect(each.put(nameOf('org', other), other)).rejects.toMatchObject(unavailable);
      await expect(each.get(name)).rejects.toMatchObject(unavailable);
      await expect(each.stat(name)).rejects.toMatchObject(unavailable);
      await expect(each.delete(name)).rejects.toMatchObject(unavailable);
      await expect(Array.fromAsync(each.list(''))).rejects.toMatchObject(unavailable);
    }
    expect(await readdir(parent)).toEqual(emptyFolder ? ['blobs', 'blobs.away'] : ['blobs.away']);
    if (emptyFolder) await rm(folder, { recursive: true });
    await rename(`${folder}.away`, folder);
    expect(await store.put(nameOf('org', other), other)).toBe('created');
    const { stream } = await store.get(name);
    expect(Buffer.from(await readAll(stream)).toString()).toBe('unmounted');
  });

  it('creates a shard folder again that someone has removed', async () => {
    const content = heldContent(Buffer.from('shard'));
    const name = nameOf('org', content);
    await store.put(name, content);
    await rm(join(folder, 'org'), { recursive: true });
    expect(await store.stat(name)).toBeNull();
    expect(await store.put(name, content)).toBe('created');
    expect(await names()).toEqual([name]);
  });

  it("lists blobs only, not someone else's files", async () => {
    const content = heldContent(Buffer.from('ours'));
    const name = nameOf('org', content);
    await store.put(name, content);
    await writeFile(join(folder, 'README'), 'x');
    await writeFile(join(folder, 'org', 'note.txt'), 'x');
    await writeFile(`${pathOf(folder, name)}.bak`, 'x');
    await mkdir(join(folder, 'lost+found'));
    await mkdir(join(folder, 'org', 'ff', 'f'.repeat(64)), { recursive: true });
    await mkdir(join(folder, 'org', '00'));
    await writeFile(join(folder, 'org', '00', '1'.repeat(64)), 'in the wrong shard');
    await writeFile(join(folder, '.tmp', '2'.repeat(64)), 'x');
    expect(await names()).toEqual([name]);
  });

  it('is blob_unavailable where no folder can be, and names no path', async () => {
    await writeFile(join(parent, 'file'), 'x');
    const nowhere = createFilesystemBlobStore({ folder: join(parent, 'file', 'blobs') });
    const error = await nowhere.prepare().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'blob_unavailable', detail: 'The system answered ENOTDIR.' });
    expect((error as Error).message).not.toContain(parent);
    const name = blobName('org', sha256Of(Buffer.from('x')));
    await expect(nowhere.stat(name)).rejects.toMatchObject({ code: 'blob_unavailable' });
  });

  it('knows a full disk', async () => {
    const full = await writeFile('/dev/full', 'x').catch((reason: unknown) => reason);
    expect(full).toBeInstanceOf(Error);
    expect(toFilesystemError(full)).toMatchObject({ code: 'blob_disk_full', action: 'stop' });
  });
});

describe('folder sync', () => {
  it('serves all who ask, and goes on after a failure', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'folder-'));
    const folder = join(parent, 'later');
    const sync = createFolderSync();
    const early = await Promise.allSettled([sync(folder), sync(folder), sync(folder)]);
    expect(early.map((result) => result.status)).toEqual(['rejected', 'rejected', 'rejected']);
    await mkdir(folder);
    await Promise.all(Array.from({ length: 20 }, () => sync(folder)));
    await rm(parent, { recursive: true });
  });
});
