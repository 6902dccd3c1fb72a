/** What a run for records works with. */
import type { ClinicRecords } from '../../ports/clinic-records.ts';
import type { ClinicSource } from '../../ports/clinic-source.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { RunStore } from '../../ports/run-store.ts';
import type { GuardLimits } from '../guard.ts';

export interface RecordPorts {
  readonly source: ClinicSource;
  readonly records: ClinicRecords;
  readonly runs: RunStore;
  readonly clock: Clock;
  readonly random: Random;
}

export interface RecordSettings {
  readonly organizationId: string;
  readonly connectionId: string;
  readonly guard: GuardLimits;
}
