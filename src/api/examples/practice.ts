/** The practice of the examples: nobody's. */

/** What the description shows of one operation. */
export interface Example {
  readonly body?: unknown;
  /** By status. */
  readonly answers: Readonly<Record<number, unknown>>;
}
/** By operationId. */
export type Examples = Readonly<Record<string, Example>>;

export const ORGANIZATION = 'org_riverside';
export const CONNECTION = 'riverside-vsrx';
export const PATIENT = '5d1c3e7a-0b42-4f86-9a17-2e60c8d4b935';
export const DOCUMENT = 'c07a9f14-63d8-4b2e-8e51-f4a27b90d6c3';
/** Of a file in the source. */
export const REFERENCE = '8e2b6d09-51fa-47c3-b0d4-96a1e37c5f28';
export const KEY = 'examplekey000001';
export const NEXT_KEY = 'examplekey000002';
export const HELD_SET = 'held_2f9d7c61-8a04-4e3b-95b8-c1d60e7f4a52';

export const INSPECTION = 'inspection_7c3e9a52-1f64-4d08-8b7a-20d95e61c3f8';

/** At nine o'clock of an invented morning. */
export const RUN = 'sync_org_riverside_20260303_090000_1a2b3c4d';
export const BEGUN = '2026-03-03T09:00:00.000Z';
export const ENDED = '2026-03-03T09:00:48.250Z';
export const NOW = '2026-03-03T09:05:00.000Z';

export const COUNTS = {
  added: 12,
  updated: 1,
  moved: 0,
  removed: 2,
  same: 1840,
  failed: 1,
  waiting: 0,
  skipped: 0,
  held: 0,
  missing: 0,
  bytes: 4183220,
};

const { added, updated, moved, removed, same, failed, waiting } = COUNTS;
/** In a history. */
export const EXAMPLE_RUN = {
  sync_id: RUN,
  connection_id: CONNECTION,
  started_at: BEGUN,
  completed_at: ENDED,
  status: 'completed',
  records_processed: added + updated + moved + removed + same + failed + waiting,
  records_success: added + updated + moved + removed + same,
  records_failed: failed + waiting,
  partial_success: true,
  error: null,
  error_message: null,
  metadata: { sync_type: 'quick', trigger: 'schedule', connector: 'vsrx', ...COUNTS },
};
