/** The only way to the server: a client generated from the description of the interface. */
import createClient from 'openapi-fetch';
import { networkProblem, Problem, problemOf } from './problem.ts';
import type { components, paths } from './schema.d.ts';

export type Run = components['schemas']['Run'];
export type HeldSet = components['schemas']['HeldSet'];
export type Key = components['schemas']['Key'];
type Answer<P extends keyof paths, M extends 'get' | 'post'> =
  paths[P] extends Record<M, { responses: { 200: { content: { 'application/json': infer T } } } }> ? T : never;
export type Session = Answer<'/api/v1/session', 'get'>;
export type Settings = Answer<'/api/v1/connections/{connectionId}/settings', 'get'>;
export type SettingField = Settings['fields'][number];
export type Alert = components['schemas']['AlertRule'];
export type AlertKind = Alert['kind'];
type ScheduleAnswer = Answer<'/api/v1/connections/{connectionId}/schedule', 'get'>;
export type ScheduleText = ScheduleAnswer['schedule'];
export type SchedulePreview = Answer<'/api/v1/connections/{connectionId}/schedule/preview', 'post'>;
export type LogLine = Answer<'/api/v1/sync/run/{syncId}/log', 'get'>['lines'][number];
export type Inspection = Answer<'/api/v1/inspections/{inspectionId}', 'get'>;
export type InspectionRequest =
  paths['/api/v1/connections/{connectionId}/inspections']['post']['requestBody']['content']['application/json'];
export type InspectionSummary = Answer<'/api/v1/connections/{connectionId}/inspections', 'get'>['inspections'][number];
export type Connection = Answer<'/api/v1/connections', 'get'>['connections'][number];
export type Failure = Answer<'/api/v1/failures', 'get'>['failures'][number];
export type FailureCause = NonNullable<Answer<'/api/v1/failures', 'get'>['causes']>[number];
export type DocumentsSummary = Answer<'/api/v1/documents/summary', 'get'>;
export type UnreadCause = DocumentsSummary['causes'][number];
export type UnreadDocument = Answer<'/api/v1/documents/unread', 'get'>['documents'][number];
export type Statistics = Answer<'/api/v1/statistics', 'get'>;
export type Progress = Answer<'/api/v1/sync/progress/{syncId}', 'get'>;
export type RunUnit = Answer<'/api/v1/sync/run/{syncId}/units', 'get'>['units'][number];
export type HeldDetails = Answer<'/api/v1/held/{setId}', 'get'>;
export type HeldRecord = Answer<'/api/v1/held/{setId}/records/{recordId}', 'get'>;
export type AuditEntry = Answer<'/api/v1/audit', 'get'>['entries'][number];
export type ConsistencyReport = Answer<'/api/v1/consistency', 'get'>['reports'][number];
export type ConsistencyDifference = Answer<'/api/v1/consistency/{checkId}/differences', 'get'>['differences'][number];
export type Verdict = Answer<'/api/v1/audit/verify', 'get'>;
export type Fileset = Answer<'/api/v1/filesets/search', 'post'>['filesets'][number];
export type PatientDocument = Answer<'/api/patients/{uuid}/documents', 'get'>['documents'][number];
export type RemovedDocument = Answer<'/api/patients/{uuid}/removed-documents', 'get'>['documents'][number];
export type Copies = Answer<'/api/documents/{documentId}/copies', 'get'>;
export type Found = Answer<'/api/patients/{uuid}/search', 'post'>;
export type PageTexts = Answer<'/api/documents/{documentId}/text', 'get'>;
export type Duplicates = Answer<'/api/patients/{uuid}/duplicates', 'get'>['duplicates'];
export type Group = Answer<'/api/patients/{uuid}/groups', 'get'>['groups'][number];
export type Proposal = Answer<'/api/patients/{uuid}/group-proposals', 'get'>['proposals'][number];
export type Migrated = Answer<'/api/patients/{uuid}/migrate', 'post'>;
export type Migrations = Answer<'/api/patients/{uuid}/migrations', 'get'>;
export type Clinic = Answer<'/api/v1/clinics', 'get'>['clinics'][number];
export type BookSchedule = Answer<'/api/v1/clinics/{clinicId}/schedule', 'get'>;
export type ClinicPatient = Answer<'/api/v1/patients', 'get'>['patients'][number];
export type PatientMerges = Answer<'/api/v1/patients/{id}/merges', 'get'>;
export type Appointment = Answer<'/api/v1/appointments', 'get'>['appointments'][number];

/** What goes with every request; the session sets it. */
export const identity: {
  csrfToken: string | null;
  organizationId: string | null;
  /** The service knows nobody any more. */
  over: () => void;
  /** Another tab has begun another session. @returns whether it is of the same caller, so that the token is known anew */
  renew: () => Promise<boolean>;
} = { csrfToken: null, organizationId: null, over: () => undefined, renew: async () => false };

export const api = createClient<paths>();

/** A request is read once: what may have to be said again is kept until it is answered. */
const copies = new WeakMap<Request, Request>();

api.use({
  onRequest({ request }) {
    if (identity.organizationId !== null) request.headers.set('x-organization-id', identity.organizationId);
    if (request.method !== 'GET' && request.method !== 'HEAD' && identity.csrfToken !== null) {
      request.headers.set('x-csrf-token', identity.csrfToken);
      copies.set(request, request.clone());
    }
    return request;
  },
  async onResponse({ request, response }) {
    const copy = copies.get(request);
    if (response.status !== 403 || copy === undefined) return undefined;
    const { details } = await response
      .clone()
      .json()
      .catch(() => ({}));
    // Nothing was done. It is the same person in a session that was begun in another tab, or it is not.
    if (details?.error_type !== 'csrf_token' || !(await identity.renew())) return undefined;
    copy.headers.set('x-csrf-token', identity.csrfToken ?? '');
    return fetch(copy);
  },
});

/** @returns the answer's content. @throws Problem for everything that is not a success */
export async function answerOf<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data } = await responseOf(asked);
  return data as T;
}

/** The same with headers and status. */
export async function responseOf<T>(
  asked: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<{ data: T | undefined; response: Response }> {
  let result: { data?: T; error?: unknown; response: Response };
  try {
    result = await asked;
  } catch (error) {
    throw error instanceof Problem ? error : networkProblem();
  }
  if (result.response.status === 401) identity.over();
  if (!result.response.ok) throw problemOf(result.response, result.error);
  return { data: result.data, response: result.response };
}
