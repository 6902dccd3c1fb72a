/** Events of documents as those who watch hear them: the same words for sockets and for event streams. */
import { ERROR_CATALOGUE, type ErrorCode } from '../domain/errors.ts';
import type { DocumentEvent } from '../ports/document-events.ts';
import { medicalDocumentOf } from './medical-document.ts';
import type { ApiServices } from './services.ts';

export interface DocumentNews {
  readonly name:
    | 'fileStatus'
    | 'documentUpdated'
    | 'fileDeleted'
    | 'patientDeleted'
    | 'caseSummaryChanged'
    | 'caseSummaryStatus'
    | 'caseSummaryComplete'
    | 'caseSummaryError';
  readonly data: Readonly<Record<string, unknown>>;
}

const LAST = new Set(['complete', 'error']);

/** Null: by now the document is not this patient's any more; what has become of it is told by a later event. */
export async function newsOf(
  { desk, patients }: Pick<ApiServices, 'desk' | 'patients'>,
  { organizationId, patientUuid }: { readonly organizationId: string; readonly patientUuid: string },
  event: DocumentEvent,
): Promise<DocumentNews | null> {
  const silknotePatientUuid = patientUuid;
  const { documentUuid, clientFileId, status, stage, errorCode } = event;
  if (event.kind === 'summary') return { name: 'caseSummaryChanged', data: { silknotePatientUuid } };
  const job = { patientId: patientUuid, jobId: event.jobId };
  if (event.kind === 'summary_begun') {
    return {
      name: 'caseSummaryStatus',
      data: { ...job, status: 'processing', message: 'The case summary is being written.' },
    };
  }
  if (event.kind === 'summary_failed') {
    const known = ERROR_CATALOGUE[(errorCode ?? 'unexpected') as ErrorCode] ?? ERROR_CATALOGUE.unexpected;
    return { name: 'caseSummaryError', data: { ...job, error: errorCode, details: known.summary } };
  }
  if (event.kind === 'summary_written') {
    // One that was not saved has only whoever had it written.
    const record = status === 'saved' ? await patients.find(organizationId, patientUuid) : null;
    const caseSummary = record?.caseSummary ?? null;
    return { name: 'caseSummaryComplete', data: { ...job, saved: status === 'saved', caseSummary } };
  }
  if (event.kind === 'patient_deleted' || documentUuid === null) {
    return { name: 'patientDeleted', data: { silknotePatientUuid } };
  }
  const ids = { clientFileId, silknoteDocumentUuid: documentUuid, silknotePatientUuid };
  if (event.kind === 'deleted') return { name: 'fileDeleted', data: ids };
  const wanted = event.kind === 'updated' || LAST.has(status ?? '');
  const document = wanted ? await desk.find(organizationId, documentUuid) : null;
  if (wanted && document?.patientUuid !== patientUuid) return null;
  const medicalDocument = document === null ? null : medicalDocumentOf(organizationId, document);
  if (event.kind === 'updated') return { name: 'documentUpdated', data: { ...ids, medicalDocument } };
  return {
    name: 'fileStatus',
    data: {
      ...ids,
      status,
      stage,
      processingStage: stage,
      ...(errorCode === null ? {} : { error: errorCode }),
      ...(medicalDocument === null ? {} : { medicalDocument }),
    },
  };
}
