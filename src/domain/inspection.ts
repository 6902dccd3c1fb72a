/** A look at a connection that a person asks for: what a run would do, whether it can be reached, whether all stores agree. */
import type { ErrorCode } from './errors.ts';

export const INSPECTIONS = ['plan', 'test', 'verify', 'repair'] as const;
export type InspectionKind = (typeof INSPECTIONS)[number];

export interface InspectionOptions {
  /** Of a plan: how a run would be asked for. Null: the usual one. */
  readonly mode: string | null;
  /** Of a verification and a repair: contents are read and hashed too. */
  readonly content: boolean;
  /** Of a repair: only what this earlier one said is done. Null: nothing is done, only said. */
  readonly preview: string | null;
}

/** One thing that was found. Ids and sentences without personal data: paths and names are in the records alone. */
export interface InspectionLine {
  /** Such as `add`, `remove`, `missing blob`, `source`. */
  readonly what: string;
  readonly unit: string | null;
  readonly reference: string | null;
  readonly documentUuid: string | null;
  /** Of a content that is no document, or none that is known. */
  readonly sha256: string | null;
  readonly message: string | null;
  readonly code: ErrorCode | null;
  readonly remedy: string | null;
}

export interface InspectionResult {
  /** How many of each thing, whether listed or not. */
  readonly counts: Readonly<Record<string, number>>;
  /** The first of each kind. */
  readonly lines: readonly InspectionLine[];
  /** False when the source could not be read to its end: then nothing is said about what it lacks. */
  readonly complete: boolean;
  /** Of a plan: why its removals would wait for a person; null: they would not. */
  readonly held: string | null;
  /** Of a verification: a hash over the contents that each store says it has, by store. Equal ones have the same. */
  readonly checksums: Readonly<Record<string, string>>;
}

export interface Inspection {
  readonly id: string;
  readonly organizationId: string;
  readonly connectionId: string;
  readonly kind: InspectionKind;
  readonly options: InspectionOptions;
  readonly state: 'running' | 'done' | 'failed' | 'cancelled';
  readonly askedBy: string;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  /** Items looked at so far. */
  readonly checked: number;
  readonly result: InspectionResult | null;
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly remedy: string } | null;
}
