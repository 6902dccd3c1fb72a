/**
 * What happened to the documents of patients, and to their case summaries, for those who watch.
 *
 * Contract:
 * - An event is written by the very change that it tells, by whichever process: a change without its event does not exist.
 *   How far the writing of a summary is changes nothing; it is told by whoever has it written (`tell`).
 * - `since` gives events in one order for all readers. What was given never gets a predecessor later.
 * - Events are kept for a day. Who asks from a place before that hears `missed`: it looks at the patient anew.
 * - An event says which document and how far it is, never what it is called or what it says.
 */
export type DocumentEventKind =
  | 'status'
  | 'updated'
  | 'deleted'
  | 'patient_deleted'
  /** The saved case summary is another one. */
  | 'summary'
  | SummaryNews['kind'];

/** How far the writing of a case summary is. */
export interface SummaryNews {
  readonly kind: 'summary_begun' | 'summary_written' | 'summary_failed';
  /** Of this writing. */
  readonly jobId: string;
  /** Of one that was written: `saved`, or `not_saved` where another one is. */
  readonly status?: 'saved' | 'not_saved';
  readonly errorCode?: string;
}

export interface DocumentEvent {
  /** The place after this event. */
  readonly place: string;
  readonly kind: DocumentEventKind;
  /** Null: it is about the patient. */
  readonly documentUuid: string | null;
  readonly clientFileId: string | null;
  readonly status: string | null;
  readonly stage: string | null;
  readonly errorCode: string | null;
  readonly jobId: string | null;
}

export interface WatchedPatient {
  readonly organizationId: string;
  readonly patientUuid: string;
  readonly place: string;
}

export interface HeardEvents {
  readonly events: readonly DocumentEvent[];
  /** Events between the place and the first of these are forgotten. */
  readonly missed: boolean;
}

export interface DocumentEvents {
  /** Where a reader begins who has just looked at everything. */
  now(): Promise<string>;
  /** Whether this is the form of a place. */
  isPlace(text: string): boolean;
  tell(organizationId: string, patientUuid: string, news: SummaryNews): Promise<void>;
  /** In the order of `patients`; at most some hundred events of each at one time. */
  since(patients: readonly WatchedPatient[]): Promise<readonly HeardEvents[]>;
  /** Forgets what is older. */
  forget(before: number): Promise<void>;
}
