/** Examples: documents – how far they are, their text, what is found in them. */
import { ERROR_CATALOGUE } from '../../domain/errors.ts';
import {
  BEGUN,
  CONNECTION,
  DOCUMENT,
  ENDED,
  type Examples,
  KEY,
  NOW,
  ORGANIZATION,
  PATIENT,
  REFERENCE,
  RUN,
} from './practice.ts';

const SECOND_DOCUMENT = '2b9e4c71-d05f-4a86-b317-8f6c0d25ea94';
const HASH = '5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef';
const copy = (store: string, place: string) => ({
  store,
  verdict: 'same',
  sha256: HASH,
  sizeBytes: 48211,
  place,
  code: null,
});
const TEXT = 'The fracture of the left wrist has healed without displacement.';

/** One letter is not read yet. */
const NOT_SEARCHED = { waiting: 1, failed: 0, withoutText: 0, partly: 0, elsewhere: 0 };

const search = {
  patientUuid: PATIENT,
  passages: [
    {
      documentUuid: DOCUMENT,
      documentName: 'Specialist report.docx',
      page: 2,
      start: 118,
      end: 118 + TEXT.length,
      text: TEXT,
      highlights: [
        [4, 12],
        [25, 30],
      ],
      highlighted: 'The <mark>fracture</mark> of the left <mark>wrist</mark> has healed without displacement.',
      score: 7.25,
    },
  ],
  next: null,
  byMeaning: false,
  notSearched: NOT_SEARCHED,
};

const LOCKED = {
  code: 'document_encrypted',
  kind: 'failed',
  error: ERROR_CATALOGUE.document_encrypted.summary,
  remedy: ERROR_CATALOGUE.document_encrypted.remedy,
};

const CONCLUSION = 'The wrist has healed.';
const byModel = {
  content: `${CONCLUSION} [1]`,
  citations: [
    {
      documentId: DOCUMENT,
      documentName: 'Specialist report.docx',
      pageNumber: 2,
      startIndex: 0,
      endIndex: CONCLUSION.length,
      citationIndex: 1,
      text: TEXT,
    },
  ],
  answeredBy: 'model',
  reason: null,
  notSearched: NOT_SEARCHED,
};

const full = {
  content: `${TEXT} [1]`,
  citations: [
    {
      documentId: DOCUMENT,
      documentName: 'Specialist report.docx',
      pageNumber: 2,
      startIndex: 0,
      endIndex: TEXT.length,
      citationIndex: 1,
    },
  ],
  answeredBy: 'passages',
  reason: {
    code: 'language_model_missing',
    message: 'No language model is configured.',
    remedy: 'Describe one under languageModel in chartsync.yaml, and restart; or take the passages.',
  },
  notSearched: NOT_SEARCHED,
};

const medicalDocument = {
  clientFileId: REFERENCE,
  silknoteDocumentUuid: DOCUMENT,
  silknotePatientUuid: PATIENT,
  originalName: 'Specialist report.docx',
  storedPath: `${ORGANIZATION}/${HASH}`,
  status: 'complete',
  category: 'UNPROCESSED',
  uploadDate: '2026-02-18T01:12:00.000Z',
  type: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  size: 48211,
  title: 'Specialist report',
  format: {
    mimeType: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    extension: 'docx',
  },
  fileSize: 48211,
  hash: HASH,
  pageCount: 3,
  documentDate: '2026-02-17',
  processedAt: ENDED,
  author: null,
  sourceSystem: 'VSRX_SYNC',
  groupingStatus: 'ungrouped',
  vsrxReference: REFERENCE,
  filename: 'Specialist report.docx',
  originalFilename: 'Specialist report.docx',
  personIsAuthorOfDocument: false,
  content: { analysisResult: {}, extractedSchemas: [], enrichedSchemas: [], pageImages: [] },
  alerts: [],
  confidence: 0.9,
  isIncorrectPatient: false,
  detectedPatientInfo: null,
};

const duplicate = {
  silknoteDocumentUuid: DOCUMENT,
  silknotePatientUuid: PATIENT,
  patientName: 'Avery Sample',
  originalName: 'Specialist report.docx',
  sourceSystem: 'VSRX_SYNC',
  vsrxReference: REFERENCE,
  uploadDate: '2026-02-18T01:12:00.000Z',
};
const duplicates = {
  duplicates: [
    {
      hash: HASH,
      sizeBytes: 48211,
      documents: [
        duplicate,
        {
          ...duplicate,
          silknoteDocumentUuid: SECOND_DOCUMENT,
          sourceSystem: 'USER_UPLOAD',
          vsrxReference: null,
          uploadDate: '2026-02-19T02:30:00.000Z',
        },
      ],
    },
  ],
  next: null,
};

const fileset = {
  silknotePatientUuid: PATIENT,
  patientName: 'Avery Sample',
  patientDob: '1984-02-29',
  gender: 'F',
  activatedUse: true,
  activatedUseTime: '2026-02-18T01:00:00.000Z',
  documents: 1,
  connections: [CONNECTION],
  removedAt: null,
  updatedAt: ENDED,
};
const group = {
  id: 'group_7e0b3d52-1c94-4f68-8a2d-b5f1c60e9d37',
  silknotePatientUuid: PATIENT,
  title: 'Referral with findings',
  createdAt: NOW,
  createdBy: `key ${KEY}`,
  status: 'complete',
  error: null,
  pageCount: 5,
  documents: [
    { silknoteDocumentUuid: DOCUMENT, originalName: 'Specialist report.docx', removed: false, firstPage: 1 },
    { silknoteDocumentUuid: SECOND_DOCUMENT, originalName: 'Findings.pdf', removed: false, firstPage: 4 },
  ],
};
const owner = {
  silknoteUserUuid: '2f6c1d84-5b07-4e3a-9c18-7d40e5b2a6f1',
  name: 'Dr Sample Example',
  patients: 12,
  createdAt: NOW,
  updatedAt: NOW,
};
const waiting = group.documents.map((document) => ({ ...document, firstPage: null }));

const OTHER_PATIENT = '71b0c5de-2f38-4d9a-8c64-0e5ab7d1f392';

const MIGRATION = {
  id: 'migration_4d8f0a16-9b3e-4c72-a5d1-6f2e8c07b943',
  fromPatientUuid: PATIENT,
  toPatientUuid: OTHER_PATIENT,
  documents: 1,
  appliedAt: ENDED,
  appliedBy: `key ${KEY}`,
  undoneAt: null,
  undoneBy: null,
};

const migrated = {
  success: true,
  fromPatientUuid: PATIENT,
  toPatientUuid: OTHER_PATIENT,
  documents: 1,
  documentIds: [DOCUMENT],
  conflicts: [],
  sameContent: 0,
  counts: { from: { before: 1, after: 0 }, to: { before: 2, after: 3 } },
};

export const DOCUMENT_EXAMPLES: Examples = {
  searchFilesets: { body: { query: 'sample', limit: 50 }, answers: { 200: { filesets: [fileset], next: null } } },
  fileset: { answers: { 200: fileset } },
  removedDocuments: {
    answers: {
      200: {
        patientUuid: PATIENT,
        documents: [
          {
            silknoteDocumentUuid: DOCUMENT,
            originalName: 'Specialist report.docx',
            removedAt: ENDED,
            reason: 'missing',
            syncId: RUN,
            restorable: true,
            contentUntil: '2026-04-02T09:00:48.250Z',
          },
        ],
        next: null,
      },
    },
  },
  patientSync: {
    answers: {
      200: {
        patientUuid: PATIENT,
        timeZone: 'Australia/Sydney',
        synchronised: true,
        notActivated: false,
        running: false,
        lastSyncAttempt: ENDED,
        lastSuccessfulSync: ENDED,
        consecutiveFailures: 0,
        paused: false,
        problem: null,
        errors: [
          {
            fileId: REFERENCE,
            code: 'file_missing',
            error: 'The file is not on the share.',
            remedy: 'Check whether it was moved.',
          },
        ],
      },
    },
  },
  syncPatient: { answers: { 202: { success: true, syncIds: [RUN] } } },
  patientRun: { answers: { 200: { syncId: RUN, state: 'completed', outcome: 'success', problem: null } } },
  documentCopies: {
    answers: {
      200: {
        documentUuid: DOCUMENT,
        patientUuid: PATIENT,
        connectionId: CONNECTION,
        removedAt: null,
        checkedAt: NOW,
        agree: true,
        copies: [
          { ...copy('source', REFERENCE), message: 'The file on the share has the same content.' },
          { ...copy('row', DOCUMENT), message: 'The record is live.' },
          { ...copy('blob', `${ORGANIZATION}/${HASH}`), message: 'The stored content is whole.' },
          { ...copy('index', DOCUMENT), message: 'The index has it (passages: 4).', sizeBytes: null },
        ],
      },
    },
  },
  patientDocuments: {
    answers: {
      200: {
        patientUuid: PATIENT,
        count: 1,
        documents: [
          {
            silknoteDocumentUuid: DOCUMENT,
            silknotePatientUuid: PATIENT,
            clientFileId: REFERENCE,
            vsrxReference: REFERENCE,
            originalName: 'Specialist report.docx',
            title: 'Specialist report',
            category: null,
            sourceSystem: 'VSRX_SYNC',
            status: 'complete',
            stage: null,
            error: null,
            mimeType: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
            sizeBytes: 48211,
            hash: HASH,
            pageCount: 3,
            textPages: 3,
            documentDate: '2026-02-17',
            uploadDate: '2026-02-18T01:12:00.000Z',
            processedAt: ENDED,
            hasThumbnail: true,
            warnings: [],
            keptOn: null,
            groupingStatus: 'ungrouped',
            alerts: [],
          },
        ],
        next: null,
      },
    },
  },
  documentText: {
    answers: {
      200: {
        documentUuid: DOCUMENT,
        pageCount: 3,
        pages: [{ number: 1, text: 'Riverside Clinic\n\nReport of 17 February 2026', source: 'text' }],
        next: 2,
      },
    },
  },
  patientWithFiles: {
    answers: {
      200: {
        patient: {
          id: PATIENT,
          silknotePatientUuid: PATIENT,
          name: 'Avery Example',
          dateOfBirth: '04/05/1961',
          gender: 'Other',
          summaryGenerationCount: 0,
          fileSet: [DOCUMENT],
          caseSummary: null,
          caseSummaryETag: null,
          vectorStore: null,
          activatedUse: true,
          activatedUseTime: BEGUN,
        },
        files: [medicalDocument],
        count: 1,
        next: null,
        timestamp: NOW,
      },
    },
  },
  patientFiles: { answers: { 200: { files: [medicalDocument], count: 1, next: null } } },
  patientFile: { answers: { 200: medicalDocument } },
  activatePatient: {
    body: { activatedUse: true },
    answers: {
      200: {
        success: true,
        silknotePatientUuid: PATIENT,
        activatedUse: true,
        activatedUseTime: BEGUN,
        activatedBy: `key ${KEY}`,
        activatedBefore: false,
        removedBefore: false,
        message: 'The patient is activated.',
      },
    },
  },
  documentDetails: { answers: { 200: medicalDocument } },
  documentMetadata: { answers: { 200: medicalDocument } },
  setDocumentCategory: {
    body: { category: 'IMAGING_REPORT' },
    answers: { 200: { ...medicalDocument, category: 'IMAGING_REPORT' } },
  },
  documentsSummary: {
    answers: {
      200: {
        waiting: 1,
        processing: 0,
        failed: 1,
        without_text: 0,
        causes: [{ ...LOCKED, items: 1 }],
      },
    },
  },
  unreadDocuments: {
    answers: {
      200: {
        documents: [
          {
            document_uuid: SECOND_DOCUMENT,
            patient_uuid: PATIENT,
            patient_name: 'Example, Avery',
            original_name: 'Operation report.pdf',
            ...LOCKED,
            warnings: [],
            processed_at: ENDED,
          },
        ],
        next: null,
      },
    },
  },
  reprocessDocuments: { body: { code: LOCKED.code }, answers: { 202: { success: true, queued: 1 } } },
  reprocessDocument: { answers: { 202: { success: true, documentUuid: DOCUMENT, status: 'queued' } } },
  setPatientInfo: {
    body: { patientName: 'Example, Avery', dateOfBirth: '1961-05-04' },
    answers: {
      200: { ...medicalDocument, detectedPatientInfo: { name: 'Example, Avery', dateOfBirth: '1961-05-04' } },
    },
  },
  acknowledgeAlert: {
    body: { patientId: PATIENT, documentId: DOCUMENT, alertType: 'INCORRECT_PATIENT' },
    answers: { 200: { success: true, documentUuid: DOCUMENT, alertType: 'INCORRECT_PATIENT' } },
  },
  caseSummary: {
    answers: {
      200: { silknotePatientUuid: PATIENT, caseSummary: { text: 'A healed fracture.' }, summaryGenerationCount: 0 },
    },
  },
  generateCaseSummary: {
    answers: {
      200: {
        silknotePatientUuid: PATIENT,
        caseSummary: {
          text: byModel.content,
          citations: byModel.citations.map(({ text, ...citation }) => citation),
          writtenBy: 'model',
          model: 'sample-model',
          writtenAt: NOW,
          notSearched: NOT_SEARCHED,
        },
        saved: true,
        summaryGenerationCount: 1,
      },
    },
  },
  saveCaseSummary: { body: { caseSummary: { text: 'A healed fracture.' } }, answers: {} },
  patientDuplicates: { answers: { 200: duplicates } },
  duplicates: { answers: { 200: duplicates } },
  createGroup: {
    body: { documentIds: [DOCUMENT, SECOND_DOCUMENT], title: 'Referral with findings' },
    answers: { 200: group, 201: { ...group, status: 'waiting', pageCount: null, documents: waiting } },
  },
  groups: { answers: { 200: { patientUuid: PATIENT, groups: [group] } } },
  group: { answers: { 200: group } },
  reorderGroup: {
    body: { documentIds: [SECOND_DOCUMENT, DOCUMENT] },
    answers: {
      200: {
        ...group,
        status: 'waiting',
        pageCount: null,
        documents: waiting.toReversed(),
        formerDocumentIds: [DOCUMENT, SECOND_DOCUMENT],
      },
    },
  },
  filesetOwners: { answers: { 200: { users: [owner], next: null } } },
  createFilesetOwner: {
    body: { silknoteUserUuid: owner.silknoteUserUuid, name: owner.name },
    answers: { 200: owner, 201: { ...owner, patients: 0 } },
  },
  filesetOwner: { answers: { 200: owner } },
  renameFilesetOwner: { body: { name: owner.name }, answers: { 200: owner } },
  changeFilesetOwner: { body: { name: owner.name }, answers: { 200: owner } },
  groupProposals: {
    answers: {
      200: {
        patientUuid: PATIENT,
        proposals: [
          {
            date: '2026-02-17',
            type: 'application/pdf',
            documents: group.documents.map(({ silknoteDocumentUuid, originalName }) => ({
              silknoteDocumentUuid,
              originalName,
            })),
          },
        ],
      },
    },
  },
  clearConversation: { answers: { 200: { success: true, cleared: 0, message: 'No conversation is kept.' } } },
  migrateDocuments: {
    body: { targetPatientUuid: OTHER_PATIENT, dryRun: false },
    answers: { 200: { ...migrated, dryRun: false, migrationId: MIGRATION.id } },
  },
  migrations: { answers: { 200: { patientUuid: OTHER_PATIENT, formerIds: [PATIENT], migrations: [MIGRATION] } } },
  undoMigration: {
    answers: {
      200: {
        ...migrated,
        fromPatientUuid: OTHER_PATIENT,
        toPatientUuid: PATIENT,
        counts: { from: { before: 3, after: 2 }, to: { before: 0, after: 1 } },
        migration: { ...MIGRATION, undoneAt: NOW, undoneBy: `key ${KEY}` },
      },
    },
  },
  createComponentToken: {
    body: { scopes: ['documents:read'], expiresInSeconds: 600 },
    answers: {
      201: {
        token: 'ct_0a1b2c3d4e5f60718293a4b5_examples-are-no-secrets-examples-are-no-sec',
        silknotePatientUuid: PATIENT,
        scopes: ['documents:read'],
        expiresAt: NOW,
      },
    },
  },
  processDocument: { answers: { 200: { success: true, documentUuid: DOCUMENT, created: true, sameContent: true } } },
  processDocumentOfWorker: {
    answers: { 200: { success: true, documentUuid: DOCUMENT, created: true, sameContent: true } },
  },
  processDocuments: {
    answers: {
      202: {
        success: true,
        accepted: 1,
        message: '1 of 1 files accepted.',
        documents: [{ clientFileId: 'upload-17', documentUuid: DOCUMENT, created: true, error: null }],
      },
    },
  },
  deleteDocument: {
    body: { documentUuid: DOCUMENT, patientUuid: PATIENT, verifyVectorStore: true },
    answers: {
      200: {
        success: true,
        documentUuid: DOCUMENT,
        warnings: [],
        vectorStoreValid: true,
        message: 'The document is removed.',
      },
    },
  },
  restoreDocument: { answers: { 200: { success: true, documentUuid: DOCUMENT, restored: true } } },
  searchPatient: { body: { query: '"left wrist" fractur*', limit: 20 }, answers: { 200: search } },
  searchPatientByAddress: { answers: { 200: search } },
  queryFull: { body: { query: 'fracture wrist', includeExactQuotes: true }, answers: { 200: byModel } },
  queryFullByAddress: { answers: { 200: full } },
};
