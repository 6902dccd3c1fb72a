/** A document in the shape that clients of earlier servers know. What only a language model could tell is empty. */
import { type TSchema, Type } from 'typebox';
import { ALERT_TYPES } from '../domain/document-alert.ts';
import { NO_CATEGORY } from '../domain/document-category.ts';
import { blobName } from '../ports/blob-store.ts';
import type { DeskDocument } from '../ports/document-desk.ts';

const nullable = (schema: TSchema) => Type.Union([schema, Type.Null()]);
const text = () => nullable(Type.String());
const instant = () => nullable(Type.String({ format: 'date-time' }));

export const Alert = Type.Object(
  {
    type: Type.Enum([...ALERT_TYPES]),
    description: Type.String(),
    source: Type.Enum(['SERVER_WS', 'SERVER_API_CALL', 'CLIENT']),
    timestamp: Type.String({ format: 'date-time' }),
    acknowledged: Type.Boolean(),
  },
  { $id: 'Alert' },
);

export const MedicalDocument = Type.Object(
  {
    clientFileId: text(),
    silknoteDocumentUuid: Type.String({ format: 'uuid' }),
    silknotePatientUuid: Type.String({ format: 'uuid' }),
    originalName: Type.String(),
    storedPath: Type.String(),
    status: Type.String(),
    category: Type.String({ description: `${NO_CATEGORY}: nobody has said it.` }),
    uploadDate: instant(),
    type: text(),
    size: Type.Integer({ minimum: 0 }),
    title: text(),
    format: Type.Object({ mimeType: Type.String(), extension: Type.String() }),
    fileSize: Type.Integer({ minimum: 0 }),
    hash: Type.String({ description: 'SHA-256 of the content.' }),
    pageCount: nullable(Type.Integer({ minimum: 0 })),
    documentDate: text(),
    processedAt: instant(),
    author: text(),
    sourceSystem: Type.String(),
    groupingStatus: Type.String({ description: 'ungrouped or grouped.' }),
    vsrxReference: text(),
    filename: Type.String(),
    originalFilename: Type.String(),
    personIsAuthorOfDocument: Type.Boolean(),
    content: Type.Object({
      analysisResult: Type.Object({}),
      extractedSchemas: Type.Array(Type.Unknown()),
      enrichedSchemas: Type.Array(Type.Unknown()),
      pageImages: Type.Array(Type.Unknown()),
    }),
    alerts: Type.Array(Alert),
    confidence: Type.Number({ description: 'Of the date of the document, 0 to 1.' }),
    isIncorrectPatient: Type.Boolean(),
    detectedPatientInfo: nullable(Type.Object({ name: text(), dateOfBirth: text() })),
  },
  { $id: 'MedicalDocument' },
);

export function medicalDocumentOf(organizationId: string, document: DeskDocument) {
  const made = document.rendition?.verdict === 'processed' ? document.rendition : null;
  const mimeType = document.rendition?.detectedType ?? document.mimeType ?? 'application/octet-stream';
  return {
    clientFileId: document.clientFileId,
    silknoteDocumentUuid: document.documentUuid,
    silknotePatientUuid: document.patientUuid,
    originalName: document.originalName,
    storedPath: blobName(organizationId, document.sha256),
    status: document.status,
    category: document.category ?? NO_CATEGORY,
    uploadDate: document.uploadedAt,
    type: mimeType,
    size: document.sizeBytes,
    title: document.title,
    format: { mimeType, extension: /\.([A-Za-z0-9]{1,10})$/.exec(document.originalName)?.[1]?.toLowerCase() ?? '' },
    fileSize: document.sizeBytes,
    hash: document.sha256,
    pageCount: made?.pageCount ?? null,
    documentDate: made?.documentDate?.date ?? null,
    processedAt: document.processedAt,
    author: document.author,
    sourceSystem: document.sourceSystem,
    groupingStatus: document.groupingStatus,
    vsrxReference: document.reference,
    filename: document.originalName,
    originalFilename: document.originalName,
    personIsAuthorOfDocument: false,
    content: { analysisResult: {}, extractedSchemas: [], enrichedSchemas: [], pageImages: [] },
    alerts: [...document.alerts],
    confidence: made?.documentDate?.confidence ?? 0,
    isIncorrectPatient: document.alerts.some(({ type }) => type === 'INCORRECT_PATIENT'),
    detectedPatientInfo: document.patientInfo,
  };
}
