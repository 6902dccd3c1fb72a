/** When a connection is synchronised by itself. */
export type Schedule = EverySchedule | WindowSchedule | CronSchedule;

export interface EverySchedule {
  readonly kind: 'every';
  /** Between the starts of two runs. */
  readonly everyMs: number;
}

/** One interval inside a window of the day, another one (or none) outside. Clinic-local wall time. */
export interface WindowSchedule {
  readonly kind: 'window';
  readonly everyMs: number;
  /** Minutes after midnight, 0–1439. */
  readonly fromMinute: number;
  /** Exclusive, 1–1440; not after `fromMinute` = the window ends on the next day. */
  readonly toMinute: number;
  /** Days on which a window begins, 1 = Monday … 7 = Sunday. */
  readonly days: readonly number[];
  /** Interval outside the windows; null: never. */
  readonly elseMs: number | null;
}

export interface CronSchedule {
  readonly kind: 'cron';
  /** Five fields: minute, hour, day of month, month, day of week. */
  readonly cron: string;
}
