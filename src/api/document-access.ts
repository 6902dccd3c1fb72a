/** How the routes come to a document or a patient: known, of the caller's organisation, and written down. */
import type { FastifyRequest } from 'fastify';
import { type TObject, Type } from 'typebox';
import { normaliseUuid } from '../domain/reference.ts';
import type { Scope } from '../domain/scopes.ts';
import type { DeskDocument } from '../ports/document-desk.ts';
import type { ProcessedRendition } from '../ports/document-work.ts';
import type { Fileset } from '../ports/fileset-reports.ts';
import type { Access } from './access.ts';
import { HttpError } from './errors.ts';
import { SelectOrganization } from './schemas.ts';
import type { ApiServices } from './services.ts';

export const DocumentId = Type.Object({ documentId: Type.String({ description: 'UUID of the document.' }) });
export const PatientUuid = Type.Object({ uuid: Type.String({ description: 'silknotePatientUuid of the patient.' }) });

const PATIENT_HEADER = 'x-silknote-patient-uuid';

export const SelectPatient: TObject = Type.Object({
  ...SelectOrganization.properties,
  [PATIENT_HEADER]: Type.Optional(Type.String({ description: 'Only a document of this patient.' })),
});

export type DocumentRequest = FastifyRequest<{ Params: { documentId: string } }>;

export interface OwnDocument {
  readonly organizationId: string;
  readonly document: DeskDocument;
}

/** The live document that the path names. Every reading of patients' data is accounted for before it is answered. */
export async function readDocument(
  services: ApiServices,
  access: Access,
  request: FastifyRequest,
  part: string,
): Promise<OwnDocument> {
  const organizationId = await access.authorize(request, 'documents:read');
  const { documentId } = request.params as { documentId: string };
  const id = normaliseUuid(documentId);
  const document = id === null ? null : await services.desk.find(organizationId, id);
  if (document === null || !mayRead(access, request, document.patientUuid)) {
    throw new HttpError(404, 'not_found', 'No such document.');
  }
  await access.note(request, {
    organizationId,
    action: 'document.read',
    subject: { kind: 'document', id: document.documentUuid },
    details: { patient: document.patientUuid, part },
  });
  return { organizationId, document };
}

/** Whether the caller asks for a document of this patient: by what it may see, and by what the header selects. */
export function mayRead(access: Access, request: FastifyRequest, patientUuid: string): boolean {
  const only = access.patientOf(request);
  const selected = selectedPatient(request);
  return (only === null || only === patientUuid) && (selected === null || selected === patientUuid);
}

/** The patient that the header selects; null: any. What is no UUID selects nobody. */
export function selectedPatient(request: FastifyRequest): string | null {
  const selected = request.headers[PATIENT_HEADER];
  return selected === undefined ? null : (normaliseUuid(String(selected)) ?? '');
}

/**
 * The patient for whom something is brought, named in one place or several: a document must not come to the wrong one because
 * a client contradicts itself.
 * @returns null: nobody is named. @throws HttpError 400 when two are
 */
export function onlyPatient(request: FastifyRequest, others: readonly string[]): string | null {
  const header = request.headers[PATIENT_HEADER];
  const named = [...others, ...(header === undefined || header === '' ? [] : [String(header)])];
  const uuids = new Set(named.map((text) => normaliseUuid(text) ?? ''));
  if (uuids.size > 1) {
    throw new HttpError(
      400,
      'invalid_request',
      `The header ${PATIENT_HEADER} and the rest of the request name different patients. Nothing was brought.`,
    );
  }
  const [only] = uuids;
  return only === undefined || only === '' ? null : only;
}

/**
 * What was made of the document.
 * @param host of the machine that keeps it instead of this one; null: it is kept here
 * @throws HttpError 409 while there is nothing, or when its content cannot be read
 */
export function renditionOf({ rendition, errorCode }: DeskDocument, host: string | null): ProcessedRendition {
  if (rendition === null && host !== null && errorCode === null) {
    throw new HttpError(409, 'document_elsewhere', `The document is kept on ${host}, and was not read here.`);
  }
  if (rendition === null) {
    throw new HttpError(409, errorCode ?? 'document_not_ready', 'The content of this document was not read yet.');
  }
  if (rendition.verdict === 'refused') throw new HttpError(409, rendition.code, rendition.reason);
  return rendition;
}

/** Also one that was removed. @throws HttpError 404 */
export async function knownPatientOf(
  services: ApiServices,
  access: Access,
  request: FastifyRequest,
  scope: Scope,
): Promise<{ readonly organizationId: string; readonly patientUuid: string; readonly fileset: Fileset }> {
  const organizationId = await access.authorize(request, scope);
  const { uuid } = request.params as { uuid: string };
  const patientUuid = normaliseUuid(uuid);
  const fileset = patientUuid === null ? null : await services.filesets.fileset(organizationId, patientUuid);
  if (patientUuid === null || fileset === null) throw new HttpError(404, 'not_found', 'No such patient.');
  return { organizationId, patientUuid, fileset };
}

/** @throws HttpError 404 */
export async function patientOf(
  services: ApiServices,
  access: Access,
  request: FastifyRequest,
  scope: Scope,
): Promise<{ readonly organizationId: string; readonly patientUuid: string }> {
  const organizationId = await access.authorize(request, scope);
  const { uuid } = request.params as { uuid: string };
  const patientUuid = normaliseUuid(uuid);
  if (patientUuid === null || !(await services.desk.hasPatient(organizationId, patientUuid))) {
    throw new HttpError(404, 'not_found', 'No such patient.');
  }
  return { organizationId, patientUuid };
}
