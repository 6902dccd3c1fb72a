/**
 * What clients of the earlier server read of a run beside its progress: how many patients and appointments it has found, and how
 * many patients are active. Of runs that copy no records all are nought.
 */
import { Type } from 'typebox';
import type { ClinicReports } from '../ports/clinic-reports.ts';
import type { RunHistory } from '../ports/run-history.ts';
import type { RunRecord } from '../ports/run-store.ts';

const count = (description: string) => Type.Integer({ minimum: 0, description });

export const findingsFields = {
  patients_found: count('Patients that it has looked at; nought for runs that copy no records.'),
  appointments_found: count('Appointments that it has looked at.'),
  active_patients_identified: count('Of the connection, as stored now: with a visit in the last 30 days or to come.'),
  active_patients_stored: count('The same: nobody who is active is left out.'),
} as const;

export type Findings = Record<keyof typeof findingsFields, number>;
export type FindingsOf = (run: RunRecord) => Promise<Findings>;

const NONE: Findings = {
  patients_found: 0,
  appointments_found: 0,
  active_patients_identified: 0,
  active_patients_stored: 0,
};
/** Many watch one run, and each may ask every second. */
const KEPT_MS = 2000;
const MOST_KEPT = 500;

export function createFindings(
  services: { readonly history: Pick<RunHistory, 'processed'>; readonly clinic: Pick<ClinicReports, 'totals'> },
  now: () => number,
): FindingsOf {
  const kept = new Map<string, { readonly at: number; readonly findings: Promise<Findings> }>();

  async function look({ organizationId, connectionId, id }: RunRecord): Promise<Findings> {
    const [processed, totals] = await Promise.all([
      services.history.processed(organizationId, [id]),
      services.clinic.totals(organizationId, connectionId),
    ]);
    const { patients, appointments } = processed.get(id) ?? { patients: 0, appointments: 0 };
    return {
      patients_found: patients,
      appointments_found: appointments,
      active_patients_identified: totals.activePatients,
      active_patients_stored: totals.activePatients,
    };
  }

  return (run) => {
    if (run.connector !== 'cliniko') return Promise.resolve(NONE);
    // The last word about a run must not be an older one.
    const key = `${run.id} ${run.finishedAt ?? ''}`;
    const known = kept.get(key);
    if (known !== undefined && now() - known.at < KEPT_MS) return known.findings;
    const findings = look(run);
    kept.delete(key);
    kept.set(key, { at: now(), findings });
    findings.catch(() => kept.delete(key));
    const [oldest] = kept.keys();
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
    return findings;
  };
}
