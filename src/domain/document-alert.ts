/** What a person should look at about a document, and the one alert that needs no language model: it may be of somebody else. */
export const ALERT_TYPES = ['ERROR', 'ALERT', 'DELAYED', 'INCORRECT_PATIENT'] as const;
export type AlertType = (typeof ALERT_TYPES)[number];

export interface DocumentAlert {
  readonly type: AlertType;
  readonly description: string;
  readonly source: 'SERVER_WS' | 'SERVER_API_CALL' | 'CLIENT';
  /** ISO instant. */
  readonly timestamp: string;
  readonly acknowledged: boolean;
}

/** Whom a document, or a fileset, is about; null: not said. */
export interface PatientInfo {
  readonly name: string | null;
  readonly dateOfBirth: string | null;
}

/** Other applications write the column too: what is no alert is passed over. */
export function readAlerts(text: string | null): readonly DocumentAlert[] {
  if (text === null) return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [];
  }
  return Array.isArray(parsed) ? parsed.flatMap((item) => alertOf(item) ?? []) : [];
}

function alertOf(item: unknown): DocumentAlert | null {
  if (typeof item !== 'object' || item === null) return null;
  const { type, description, source, timestamp, acknowledged } = item as Record<string, unknown>;
  if (!(ALERT_TYPES as readonly unknown[]).includes(type)) return null;
  const at = typeof timestamp === 'string' ? new Date(timestamp) : null;
  return {
    type: type as AlertType,
    description: typeof description === 'string' ? description : '',
    source: source === 'SERVER_WS' || source === 'CLIENT' ? source : 'SERVER_API_CALL',
    timestamp: at === null || Number.isNaN(at.getTime()) ? new Date(0).toISOString() : at.toISOString(),
    acknowledged: acknowledged === true,
  };
}

/** The alerts after the document has said whom it is about. An acknowledged one about the same stays acknowledged. */
export function withPatientCheck(
  alerts: readonly DocumentAlert[],
  fileset: PatientInfo,
  found: PatientInfo,
  now: string,
): readonly DocumentAlert[] {
  const others = alerts.filter(({ type }) => type !== 'INCORRECT_PATIENT');
  const differs = [
    differ(fileset.name, found.name, nameKey) ? 'name' : null,
    differ(fileset.dateOfBirth, found.dateOfBirth, dateKey) ? 'date of birth' : null,
  ].filter((what) => what !== null);
  if (differs.length === 0) return others;
  const description = `The ${differs.join(' and the ')} in the document differ${differs.length === 1 ? 's' : ''} from the patient's.`;
  const before = alerts.find((alert) => alert.type === 'INCORRECT_PATIENT' && alert.description === description);
  const alert: DocumentAlert = before ?? {
    type: 'INCORRECT_PATIENT',
    description,
    source: 'SERVER_API_CALL',
    timestamp: now,
    acknowledged: false,
  };
  return [...others, alert];
}

/** What one side does not say cannot differ. */
function differ(a: string | null, b: string | null, key: (text: string) => string): boolean {
  if (a === null || b === null) return false;
  const [left, right] = [key(a), key(b)];
  return left !== '' && right !== '' && left !== right;
}

/** Case, accents, punctuation and the order of the parts do not matter: "Doe, Jane" is "jane doe". */
function nameKey(name: string): string {
  const words = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .match(/[\p{L}\p{N}]+/gu);
  return (words ?? []).sort().join(' ');
}

/** `DD/MM/YYYY` as the filesets have it, or `YYYY-MM-DD`. */
function dateKey(date: string): string {
  const local = /^\s*(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\s*$/.exec(date);
  if (local !== null) return `${local[3]}-${local[2]!.padStart(2, '0')}-${local[1]!.padStart(2, '0')}`;
  return /^\s*(\d{4}-\d{2}-\d{2})/.exec(date)?.[1] ?? date.trim().toLowerCase();
}
