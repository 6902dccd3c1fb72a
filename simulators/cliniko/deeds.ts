/** What can be said about a deed in the account, and about the account itself. */
import type { Patient, RepeatRule } from './records.ts';
import type { Seconds } from './time.ts';

export interface WorldOptions {
  readonly seed?: number | string;
  readonly patients?: number;
  readonly appointments?: number;
  readonly now?: () => Date;
  /** IANA */
  readonly timeZone?: string;
}

export type PatientFields = Partial<
  Pick<Patient, 'firstName' | 'lastName' | 'dateOfBirth' | 'email' | 'phone'> & { extra: Record<string, unknown> }
>;

export interface BookingFields {
  readonly typeId?: string;
  readonly practitionerId?: string;
  readonly businessId?: string;
  readonly startsAt: Date | Seconds;
  readonly endsAt?: Date | Seconds;
  readonly notes?: string | null;
  readonly repeat?: RepeatRule;
}

export interface Cancellation {
  readonly reason?: number;
  readonly note?: string | null;
  readonly applyToRepeats?: boolean;
}

export interface AttachmentFields {
  readonly filename: string;
  readonly contentType?: string;
  readonly description?: string | null;
  readonly bytes?: Buffer;
  readonly userId?: string | null;
  /** Reads that still see it unprocessed; null: for ever. */
  readonly readsUntilProcessed?: number | null;
}
