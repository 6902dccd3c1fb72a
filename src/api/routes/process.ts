/** `/api/process` and `/api/patients/:uuid/process`: documents that are brought instead of fetched. */
import { randomUUID } from 'node:crypto';
import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { instantAt } from '../../domain/clinic-day.ts';
import { normaliseUuid } from '../../domain/reference.ts';
import type { Access } from '../access.ts';
import { onlyPatient, PatientUuid, patientOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import { type ApiServices, timeZoneOf } from '../services.ts';
import { type StoredFile, storeParts, type UploadedParts } from '../uploads.ts';

const MOST_FILES = 500;

const ProcessedAnswer = Type.Object({
  success: Type.Literal(true),
  documentUuid: Type.String({ format: 'uuid' }),
  created: Type.Boolean({
    description: 'False: the patient had a document of this reference already; it is this one.',
  }),
  sameContent: Type.Boolean({ description: 'Whether that one has the same content. It is not replaced.' }),
});

const AcceptedFile = Type.Object({
  clientFileId: Type.Union([Type.String(), Type.Null()]),
  documentUuid: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]),
  created: Type.Boolean({
    description: 'False: the patient had a document of this clientFileId already; it is this one.',
  }),
  error: Type.Union([Type.String(), Type.Null()], {
    description: 'Why the file was not accepted: what was brought is then not stored as a document.',
  }),
});

const AcceptedAnswer = Type.Object(
  {
    success: Type.Literal(true),
    accepted: Type.Integer({ minimum: 0 }),
    message: Type.String(),
    documents: Type.Array(AcceptedFile, { description: 'One for each file, in their order.' }),
  },
  { description: 'The documents are stored and will be processed.' },
);

const file = { type: 'string', format: 'binary' };
const form = (properties: object, required: readonly string[]) => ({
  consumes: ['multipart/form-data'],
  body: { type: 'object', properties, required },
});

interface Metadata {
  readonly vsrxReference?: unknown;
  readonly description?: unknown;
  readonly uploadDate?: unknown;
  readonly sourceSystem?: unknown;
  readonly createPatient?: unknown;
}

export async function processRoutes(app: FastifyInstance, services: ApiServices, access: Access): Promise<void> {
  await app.register(multipart, { throwFileSizeLimit: false });
  // The body is a stream of parts, which is checked as it comes.
  app.setValidatorCompiler(() => () => true);
  const headers = Type.Object({
    ...SelectOrganization.properties,
    'x-silknote-patient-uuid': Type.Optional(
      Type.String({
        description:
          'The patient, when nothing else names it. Another one than the rest of the request names is refused.',
      }),
    ),
  });

  // Workers were told the one by their program, and the other by its documents.
  for (const [path, operationId] of [
    ['/api/process', 'processDocument'],
    ['/api/vsrx-sync', 'processDocumentOfWorker'],
  ] as const) {
    app.post(
      path,
      {
        schema: {
          summary: 'Bring one document',
          description:
            'For a worker beside the source system; both addresses do the same. The same reference of a patient again answers with the document that is there.',
          operationId,
          tags: ['documents'],
          headers,
          ...form(
            {
              patientUuid: { type: 'string', description: 'silknotePatientUuid of the patient.' },
              file,
              metadata: {
                type: 'string',
                description:
                  'JSON: vsrxReference, description, uploadDate (without a zone: in that of the organisation), sourceSystem; createPatient true: a patient who is not known yet gets a fileset. Other fields are ignored.',
              },
            },
            ['file'],
          ),
          response: {
            200: { ...ProcessedAnswer, description: 'What became of each file.' },
            ...refusals(...ACCESS_REFUSALS),
          },
        },
      },
      async (request) => {
        const organizationId = await access.authorize(request, 'documents:write');
        const parts = await storeParts(services, request, organizationId, 1);
        const patientUuid = onlyPatient(request, parts.fields.get('patientUuid') ?? []);
        if (patientUuid === null) throw new HttpError(400, 'invalid_request', '"patientUuid" is missing, or no UUID.');
        const [stored] = parts.files;
        if (stored === undefined) throw new HttpError(400, 'invalid_request', '"file" is missing.');
        if ('refused' in stored) throw new HttpError(400, 'invalid_request', stored.refused);
        const metadata = metadataOf(parts);
        return access.audited(
          request,
          { organizationId, action: 'document.upload', subject: { kind: 'patient', id: patientUuid } },
          async () => {
            const result = await services.desk.upload({
              ...describe(organizationId, patientUuid, stored),
              reference: referenceOf(metadata.vsrxReference),
              clientFileId: referenceOf(metadata.vsrxReference),
              title: textOf(metadata.description),
              uploadedAt: instantOf(metadata.uploadDate, timeZoneOf(services, organizationId)),
              sourceSystem: textOf(metadata.sourceSystem)?.slice(0, 50) ?? 'upload',
              ...(metadata.createPatient === true
                ? { newPatient: { ownerUuid: normaliseUuid(String(request.headers['x-silknote-user-uuid'] ?? '')) } }
                : {}),
            });
            if (result.outcome === 'no_patient') throw new HttpError(404, 'not_found', 'No such patient.');
            const { documentUuid, sameContent, outcome } = result;
            return { success: true, documentUuid, created: outcome === 'added', sameContent };
          },
          ({ documentUuid, created }) => ({ details: { document: documentUuid, created } }),
        );
      },
    );
  }

  app.post(
    '/api/patients/:uuid/process',
    {
      config: { component: 'patient' },
      schema: {
        summary: 'Bring documents of a patient',
        description: `At most ${MOST_FILES} files. Each needs a clientFileId, in the order of the files; one without is not accepted. The same clientFileId of a patient again answers with the document that is there; with another content it is not accepted, since nothing is replaced. When no file is accepted the answer is 400, with the same "documents".`,
        operationId: 'processDocuments',
        tags: ['documents'],
        headers,
        params: PatientUuid,
        ...form({ file: { type: 'array', items: file }, clientFileId: { type: 'array', items: { type: 'string' } } }, [
          'file',
        ]),
        response: { 202: AcceptedAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request, reply) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:write');
      onlyPatient(request, [patientUuid]);
      const parts = await storeParts(services, request, organizationId, MOST_FILES);
      if (parts.files.length === 0) throw new HttpError(400, 'invalid_request', '"file" is missing.');
      const answer = await access.audited(
        request,
        { organizationId, action: 'document.upload', subject: { kind: 'patient', id: patientUuid } },
        () => acceptAll(organizationId, patientUuid, parts),
        ({ accepted }) => ({ details: { documents: accepted } }),
      );
      const { accepted, documents } = answer;
      // Nothing was done, so nothing was "accepted".
      if (accepted === 0) throw new HttpError(400, 'invalid_request', refusalOf(documents), { accepted, documents });
      return reply.status(202).send(answer);
    },
  );

  async function acceptAll(organizationId: string, patientUuid: string, parts: UploadedParts) {
    const ids = parts.fields.get('clientFileId') ?? [];
    const documents: Static<typeof AcceptedFile>[] = [];
    for (const [i, stored] of parts.files.entries()) {
      const clientFileId = clientFileIdOf(ids[i]);
      const refused =
        'refused' in stored ? stored.refused : clientFileId === null ? 'It has no valid clientFileId.' : null;
      if ('refused' in stored || refused !== null) {
        documents.push({ clientFileId, documentUuid: null, created: false, error: refused });
        continue;
      }
      const result = await services.desk.upload({
        ...describe(organizationId, patientUuid, stored),
        reference: null,
        clientFileId,
        title: null,
        uploadedAt: new Date().toISOString(),
        sourceSystem: 'USER_UPLOAD',
      });
      if (result.outcome === 'no_patient') throw new HttpError(404, 'not_found', 'No such patient.');
      const { documentUuid, outcome, sameContent } = result;
      documents.push({
        clientFileId,
        documentUuid,
        created: outcome === 'added',
        error: sameContent ? null : 'The patient has another content of this clientFileId. It was not replaced.',
      });
    }
    const accepted = documents.filter((document) => document.error === null).length;
    return { success: true, accepted, message: `${accepted} of ${parts.files.length} files accepted.`, documents };
  }
}

/** Of files that were all refused. */
function refusalOf(documents: readonly { readonly error: string | null }[]): string {
  const [first] = documents;
  const why = first?.error ?? '';
  return documents.length === 1 ? why : `None of the ${documents.length} files was accepted. The first: ${why}`;
}

function describe(organizationId: string, patientUuid: string, stored: StoredFile) {
  return { ...stored, organizationId, patientUuid, documentUuid: randomUUID() };
}

function metadataOf({ fields }: UploadedParts): Metadata {
  const text = fields.get('metadata')?.[0];
  if (text === undefined || text === '') return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch {
    // Told below.
  }
  throw new HttpError(400, 'invalid_request', '"metadata" is no JSON object.');
}

/** As long as the column of the sync key. */
function referenceOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && isStorable(value, 36)) return value.toLowerCase();
  throw new HttpError(400, 'invalid_request', '"vsrxReference" is a text of 1 to 36 characters.');
}

function clientFileIdOf(value: string | undefined): string | null {
  return value !== undefined && isStorable(value, 255) ? value : null;
}

function isStorable(text: string, most: number): boolean {
  return text.trim() !== '' && text.length <= most && text.isWellFormed() && !text.includes('\0');
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value.replaceAll('\0', '').toWellFormed() : null;
}

/** Behind a time, or the year of `05-03-2026` would be one. */
const ZONE =
  /\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s*[ap]m)?\s*(?:Z|(?:GMT|UTC)?\s*[+-]\d{2}:?\d{2}|GMT|UTC?|[ECMP][SD]T)\s*(?:\([^()]*\))?$/i;
/** The day and the month of others could be either. */
const KNOWN_ORDER = new RegExp(
  '^(?:\\d{4}|[+-]\\d{6})-\\d{2}-\\d{2}(?:[T ]|$)|' +
    '^(?:[a-z]{3,9},?\\s+)?(?:\\d{1,2}[\\s-]+MONTH[\\s-]+|MONTH\\s+\\d{1,2},?\\s+)\\d{4}\\b'.replaceAll(
      'MONTH',
      '(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*',
    ),
  'i',
);
const ISO = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?$/;

/** A time without a zone is one of the organisation. What was not, or cannot have been, is now. @throws HttpError 400 */
function instantOf(value: unknown, timeZone: string): string {
  if (value === undefined || value === null || value === '') return new Date().toISOString();
  const at = typeof value === 'number' ? value : parsedInstant(value, timeZone);
  if (Number.isNaN(at)) {
    throw new HttpError(400, 'invalid_request', '"uploadDate" is no time such as 2026-03-05T10:00:00+11:00.');
  }
  const isKnown = at > 0 && at < Date.now() + 86_400_000;
  return new Date(isKnown ? at : Date.now()).toISOString();
}

function parsedInstant(value: unknown, timeZone: string): number {
  const text = typeof value === 'string' ? value.trim().replace(/^(\d{4})\/(\d{2})\/(\d{2})\b/, '$1-$2-$3') : '';
  if (!KNOWN_ORDER.test(text)) return Number.NaN;
  return ZONE.test(text) ? Date.parse(text) : wallInstant(text, timeZone);
}

function wallInstant(text: string, timeZone: string): number {
  // Read as though it were in UTC, so that the zone of the machine has no part in it.
  const wall = ISO.test(text) ? text : new Date(`${text} UTC`);
  try {
    return instantAt(typeof wall === 'string' ? wall : wall.toISOString().slice(0, -1), timeZone);
  } catch {
    // No such day, or one beyond all calendars.
    return Number.NaN;
  }
}
