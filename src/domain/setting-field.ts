/** A setting of a connection as people see and change it: what it may be, what it is, and who said so. */

/** One setting of a connection, for a form. */
export interface SettingField {
  /** As in the configuration, below `settings`. */
  readonly name: string;
  readonly title: string;
  readonly help: string;
  /** Completes "expected …". */
  readonly expected: string;
  /** Of a number. */
  readonly unit: string | null;
  /** JSON Schema of the value. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** What counts when nobody says anything; null: nothing, or as `defaultText` says. */
  readonly default: unknown;
  readonly defaultText: string | null;
  /** What counts now, in the words of the configuration, without secrets. */
  readonly value: unknown;
  /** What would count if nobody had changed it here. */
  readonly configured: unknown;
  readonly from: 'default' | 'environment' | 'file' | 'person';
  readonly changedAt: string | null;
  readonly changedBy: string | null;
  /** Why it is changed in the file only; null: it may be changed here. */
  readonly fixed: string | null;
}
