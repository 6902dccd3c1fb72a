/**
 * What happened to the documents of patients, and to their case summaries, for those who watch.
 *
 * Contract:
 * - An event is written by the very change that it tells, by whichever process: a change without its event does not exist.
 * - `since` gives events in one order for all readers. What was given never gets a predecessor later.
 * - Events are kept for a day. Who asks from a place before that hears `missed`: it looks at the patient anew.
 * - An event says which document and how far it is, never what it is called or what it says.
 */
export type DocumentEventKind = 'status' | 'updated' | 'deleted' | 'patient_deleted' | 'summary';

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
  /** In the order of `patients`; at most some hundred events of each at one time. */
  since(patients: readonly WatchedPatient[]): Promise<readonly HeardEvents[]>;
  /** Forgets what is older. */
  forget(before: number): Promise<void>;
}
