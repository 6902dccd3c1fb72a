import { describe, expect, it } from 'vitest';
import { createMemoryFileShare } from '../../src/connectors/vsrx/memory-file-share.ts';
import { describeFileShare } from '../contract/file-share.ts';
import { samplePdf } from '../support/sample-files.ts';

describeFileShare('memory', async (settings) => {
  const share = createMemoryFileShare(settings);
  return {
    share,
    write: async (path, bytes, modifiedAt = 0) => {
      share.files.set(path, { bytes, modifiedAt });
    },
    remove: async (path) => {
      share.files.delete(path);
    },
    unmount: async () => share.unmount(),
    mount: async () => share.mount(),
    close: async () => {},
  };
});

describe('memory file share', () => {
  it('fails as told, until it is healed', async () => {
    const share = createMemoryFileShare();
    share.files.set('notes/a.pdf', { bytes: samplePdf(), modifiedAt: 0 });
    share.fail('notes/a.pdf', 'file_unreadable');
    await expect(share.stat('notes/a.pdf')).rejects.toMatchObject({ code: 'file_unreadable' });
    await expect(share.read('notes/a.pdf')).rejects.toMatchObject({ code: 'file_unreadable' });
    share.heal('notes/a.pdf');
    expect(await share.stat('notes/a.pdf')).toMatchObject({ size: samplePdf().length });
  });

  it('tells another share in the same place', async () => {
    const share = createMemoryFileShare();
    share.files.set('notes/a.pdf', { bytes: samplePdf(), modifiedAt: 0 });
    const first = await share.probe();
    share.mount('second');
    expect(await share.probe()).not.toBe(first);
    expect(await share.probe()).not.toBeNull();
  });
});
