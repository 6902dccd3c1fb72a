/** What the portal says about consultations. */
import type { Asked } from './exchange.ts';
import { formatWall, parseWall } from './wall.ts';
import { type Clinic, type Consultation, peopleOf } from './world.ts';

export interface ConsultationPage {
  readonly data: readonly Readonly<Record<string, unknown>>[];
  readonly total: number;
  readonly page: number;
  readonly perPage: number;
}

/** One page of those between `date_start` and `date_end`; the newest first unless the order says `asc`. */
export function consultationPage(asked: Asked): ConsultationPage {
  const { clinic, query, variant } = asked;
  const from = parseWall(query.get('date_start') ?? '') ?? '0000-01-01 00:00:00';
  const to = parseWall(query.get('date_end') ?? '') ?? '9999-12-31 23:59:59';
  const page = Math.max(1, Math.trunc(Number(query.get('page') ?? 1)) || 1);
  const sign = query.get('order[]')?.endsWith(':asc') ? 1 : -1;
  const found = clinic.consultations
    .filter(({ consultedAt }) => from <= consultedAt && consultedAt <= to)
    .sort((a, b) =>
      a.consultedAt === b.consultedAt
        ? sign * (Number(a.id) - Number(b.id))
        : sign * (a.consultedAt < b.consultedAt ? -1 : 1),
    );
  const perPage = variant.consultationsPerPage;
  return {
    data: found.slice((page - 1) * perPage, page * perPage).map((consultation) => item(asked, consultation)),
    total: found.length,
    page,
    perPage,
  };
}

export function consultationView(asked: Asked, id: string): unknown {
  const consultation = find(asked.clinic, id);
  return consultation && item(asked, consultation);
}

export function consultationPageData({ clinic, variant }: Asked, id: string): unknown {
  const consultation = find(clinic, id);
  if (!consultation) return undefined;
  const { reason, clinicalNotes: notes, dischargeSummary, consultedAt, status, patientId, lines } = consultation;
  const patient = clinic.patients.find((candidate) => candidate.id === patientId) ?? null;
  return {
    consultation: {
      id,
      reason,
      notes,
      dischargeSummary,
      date: formatWall(consultedAt, variant.consultationTimes),
      status,
    },
    patient,
    client: clinic.clients.find((candidate) => candidate.id === patient?.clientId) ?? null,
    pageData: { providers: clinic.providers.map(({ id: providerId, name }) => ({ id: providerId, name })) },
    consultationNotes: { notes },
    consultationLines: lines,
  };
}

function find(clinic: Clinic, id: string): Consultation | undefined {
  return clinic.consultations.find((consultation) => consultation.id === id);
}

function item({ clinic, variant }: Asked, consultation: Consultation): Readonly<Record<string, unknown>> {
  const { id, appointmentId, patientId, providerId, consultedAt, status, clinicalNotes, vitals, diagnoses } =
    consultation;
  const { patientName, firstName, lastName } = peopleOf(clinic, patientId);
  return {
    id,
    appointmentId,
    patientName,
    clientName: `${lastName}, ${firstName}`,
    providerId,
    providerName: clinic.providers.find((provider) => provider.id === providerId)?.name ?? null,
    consultedAt: formatWall(consultedAt, variant.consultationTimes),
    status,
    clinicalNotes,
    vitals,
    diagnoses,
  };
}
