/** What the parts of copying share while a run copies. */
import type pLimit from 'p-limit';
import type { Absence } from '../../domain/change-set.ts';
import type { CompleteRead, PartialRead, Removal } from '../../domain/completeness.ts';
import type { ItemFailure } from '../../domain/run.ts';
import type { SpooledLines } from '../../ports/change-spool.ts';
import type { StoredDocument, UnitResult } from '../../ports/document-records.ts';
import type { ReadFile } from '../../ports/file-share.ts';
import type { OpenFailure } from '../../ports/run-store.ts';
import type { RunSession } from '../run-session.ts';
import type { ItemLine } from './change-line.ts';
import type { FilePorts, FileSettings } from './settings.ts';

export interface CopyInput {
  readonly lines: SpooledLines;
  readonly read: CompleteRead | PartialRead;
  readonly orphans: ReadonlySet<string>;
  readonly failures: ReadonlyMap<string, OpenFailure>;
  /** Inspected items are hashed, not only looked at. */
  readonly rehash: boolean;
  /** `later`: this is a part of a shared run, and what is absent is for whoever sees the whole. */
  readonly judge: 'now' | 'later';
  /** Shared by the parts that one process copies at one time; default: its own. */
  readonly limits?: CopyLimits;
}

export interface CopyLimits {
  readonly reads: ReturnType<typeof pLimit>;
  readonly uploads: ReturnType<typeof pLimit>;
}

export interface CopyContext extends CopyLimits {
  readonly ports: FilePorts;
  readonly settings: FileSettings;
  readonly session: RunSession;
  readonly input: CopyInput;
  readonly removals: Map<string, Removal<StoredDocument>[]>;
  readonly openUnits: Map<string, UnitResult>;
  readonly unjudged: Map<string, Absence<StoredDocument>[]>;
}

/** What happened in one unit of a batch. */
export class UnitTally {
  added = 0;
  updated = 0;
  moved = 0;
  readonly errors: ItemFailure[] = [];
}

/** An item whose file is read and open. */
export interface Prepared {
  readonly line: ItemLine;
  readonly file: ReadFile;
}
