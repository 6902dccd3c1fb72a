/** Blobs that no record knows: nothing of ours would ever remove them. */
import type { Chartsync } from '../main.ts';
import { blobName } from '../ports/blob-store.ts';
import type { Output } from './output.ts';

export interface StrayBlob {
  readonly sha256: string;
  readonly size: number;
}

const MESSAGE = 'A blob that no record knows.';

/** @param found by the comparison of blobs */
export async function presentStrays(
  { blobs }: Pick<Chartsync, 'blobs'>,
  organizationId: string,
  found: readonly string[],
  signal: AbortSignal,
): Promise<readonly StrayBlob[]> {
  const strays: StrayBlob[] = [];
  for (const sha256 of found) {
    const there = await blobs.stat(blobName(organizationId, sha256), signal);
    if (there !== null) strays.push({ sha256, size: there.size });
  }
  return strays;
}

/**
 * Announced like a content that is about to be stored, which no document then comes to name: it is released as those are, after
 * its time. Whoever stores the same content meanwhile finds it there.
 */
export async function releaseStray(
  { desk, blobs }: Pick<Chartsync, 'desk' | 'blobs'>,
  organizationId: string,
  { sha256, size }: StrayBlob,
): Promise<'released' | 'settled'> {
  if ((await blobs.stat(blobName(organizationId, sha256))) === null) return 'settled';
  return (await desk.announce(organizationId, { sha256, size })) === 'stored' ? 'settled' : 'released';
}

export function strayDifference({ sha256 }: StrayBlob) {
  const nothing = { unit: null, reference: null, documentUuid: null, code: null };
  return { store: 'blob', kind: 'surplus', message: MESSAGE, ...nothing, sha256 };
}

export function tellStrays(output: Output, strays: readonly StrayBlob[]): void {
  for (const stray of strays) output.emit('difference', strayDifference(stray));
  output.table(
    ['difference', 'blob', 'what would be done'],
    strays.map(({ sha256 }) => [
      'surplus blob',
      sha256,
      'with --release-blobs: the clean-up removes it after its time',
    ]),
  );
  if (strays.length > 0) {
    output.say(
      `${strays.length} blobs that no record knows. After a restore of the database they may be the only copy of what people brought: ` +
        'look first, then release them with --apply --release-blobs.',
    );
  }
}
