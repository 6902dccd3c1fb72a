/** What all converters have in common. */
import type { DocumentWarning } from '../../ports/document-content.ts';
import type { Job } from '../job.ts';

export interface Source {
  readonly bytes: Buffer;
  /** MIME type by the bytes. */
  readonly type: string;
  readonly job: Job;
}

export interface Converted {
  readonly pdf: Uint8Array;
  /** Normalised text of each page of `pdf`; null when it has to be read from there. */
  readonly pages: readonly string[] | null;
  /** When a mail was sent, as `YYYY-MM-DD`. */
  readonly mailDate: string | null;
  readonly warnings: readonly DocumentWarning[];
}

/** @throws Refusal */
export type Converter = (source: Source) => Promise<Converted>;
