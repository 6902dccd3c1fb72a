/** What of a verification is a difference. */
import type { InspectionSummary } from '#lib/api/client.ts';

/** How many items each store has; everything else that is counted is a difference. */
export const STORES = ['source items', 'documents', 'blobs', 'indexed', 'remote', 'mirrored', 'same'] as const;

/** What loses something comes first. */
export const ORDER = [
  'missing blob',
  'different blob',
  'missing row',
  'different row',
  'missing source',
  'surplus row',
  'surplus blob',
  'missing index',
  'different index',
  'surplus index',
  'missing remote',
  'different remote',
  'surplus remote',
  'missing mirror',
  'different mirror',
  'surplus mirror',
  'bring',
  'add',
  'update',
  'move',
  'remove',
];

export function differencesOf({ counts }: Pick<InspectionSummary, 'counts'>): number {
  return Object.entries(counts).reduce(
    (sum, [name, value]) => ((STORES as readonly string[]).includes(name) ? sum : sum + value),
    0,
  );
}
