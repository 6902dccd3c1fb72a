/**
 * After the work on documents of a patient: has the index what the records say? What it has lost is asked for at once, instead
 * of being found by somebody at night.
 */
import { type SyncError, toSyncError } from '../domain/errors.ts';
import { normaliseUuid } from '../domain/reference.ts';
import type { Clock } from '../ports/clock.ts';
import type { DocumentTask, DocumentWork } from '../ports/document-work.ts';
import { compareIndex, type IndexPorts } from './compare-index.ts';
import { repairIndex } from './repair-index.ts';

export interface PatientChecksOptions {
  readonly ports: IndexPorts;
  readonly work: Pick<DocumentWork, 'open'>;
  readonly clock: Clock;
  /** Differences that were found, and are set right unless they come back too soon. */
  readonly onFound?: (organizationId: string, differences: number) => void;
  readonly onError?: (error: SyncError) => void;
}

export interface PatientChecks {
  /** A task about one of its documents has ended. */
  touched(task: Pick<DocumentTask, 'organizationId' | 'patientUuid'>): void;
  stop(): Promise<void>;
}

interface Patient {
  readonly organizationId: string;
  readonly patientUuid: string;
}

/** Between two: a first copy touches thousands of patients, and its documents come first. */
const PAUSE_MS = 500;
/** What is not looked at is compared at night. */
const MOST_WAITING = 10_000;
/** What differs again so soon is not set right by repetition: it is told. */
const SETTLED_MS = 60 * 60_000;

export function startPatientChecks(options: PatientChecksOptions): PatientChecks {
  const { ports, work, clock } = options;
  const ended = new AbortController();
  const { signal } = ended;
  const waiting = new Map<string, Patient>();
  const repairedAt = new Map<string, number>();
  let wake = Promise.withResolvers<void>();

  async function check({ organizationId, patientUuid }: Patient, key: string): Promise<void> {
    // Whoever ends the last task looks.
    if ((await work.open(organizationId, patientUuid)) > 0) return;
    const scope = { organizationId, patientUuid: patientUuid.toLowerCase(), signal };
    const { differences } = await compareIndex(ports, scope);
    if (differences.length === 0) return;
    options.onFound?.(organizationId, differences.length);
    if (clock.now() - (repairedAt.get(key) ?? Number.NEGATIVE_INFINITY) < SETTLED_MS) return;
    if (repairedAt.size >= MOST_WAITING) repairedAt.clear();
    repairedAt.set(key, clock.now());
    for (const difference of differences) await repairIndex(ports, { organizationId, signal }, difference);
  }

  const loop = (async () => {
    while (!signal.aborted) {
      const [next] = waiting;
      if (next === undefined) {
        wake = Promise.withResolvers<void>();
        await wake.promise;
        continue;
      }
      const [key, patient] = next;
      waiting.delete(key);
      await check(patient, key).catch((error) => {
        if (!signal.aborted) options.onError?.(toSyncError(error));
      });
      await clock.sleep(PAUSE_MS, signal).catch(() => undefined);
    }
  })();

  return {
    touched({ organizationId, patientUuid }) {
      // An index has nothing of patients under ids of another form.
      if (normaliseUuid(patientUuid) === null) return;
      const key = `${organizationId}/${patientUuid}`;
      if (waiting.size >= MOST_WAITING && !waiting.has(key)) return;
      waiting.set(key, { organizationId, patientUuid });
      wake.resolve();
    },
    async stop() {
      ended.abort();
      wake.resolve();
      await loop;
    },
  };
}
