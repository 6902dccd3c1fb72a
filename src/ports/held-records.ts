/** What a held record or entry of a book says, so that a person can decide about it. Read-only. */
import type { ConnectionKey } from './document-records.ts';

export interface HeldRecord {
  /** Ours. */
  readonly id: string;
  /** What it is called: a place, a type of visit, a practitioner, a file. */
  readonly name: string | null;
  /** ISO instants. */
  readonly startsAt: string | null;
  readonly endsAt: string | null;
  /** IANA zone of the place; null when it is not known. */
  readonly timeZone: string | null;
  /** In the words of its list. */
  readonly status: string | null;
  /** Of a book: the animal and its owner. */
  readonly patientName: string | null;
  readonly clientName: string | null;
  readonly practitioner: string | null;
  readonly business: string | null;
  /** Our id of a copied patient. */
  readonly patientId: string | null;
  readonly sizeBytes: number | null;
}

export interface HeldRecords {
  /**
   * @param list `unit` of the held item
   * @returns null: there is no such record, or its list is not known
   */
  find(key: ConnectionKey, list: string, id: string): Promise<HeldRecord | null>;
}
