/** Passages in the documents of one patient, as the routes that look for them may show them. */
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { FoundPassage, SearchAnswer, SearchPlace } from '../ports/search-index.ts';
import type { NotSearched as NotSearchedCounts } from '../ports/unread-documents.ts';
import type { Access } from './access.ts';
import { patientOf } from './document-access.ts';
import { HttpError } from './errors.ts';
import type { ApiServices } from './services.ts';

const LONGEST_QUERY = 2000;

export const SearchWords = Type.String({
  minLength: 1,
  maxLength: LONGEST_QUERY,
  description: 'Words in any order, "words in this order", beginn*. Case and accents do not matter.',
});

export interface NamedPassage extends FoundPassage {
  readonly documentName: string;
}

export interface FoundPassages {
  readonly place: SearchPlace;
  readonly answer: SearchAnswer;
  readonly passages: readonly NamedPassage[];
}

/** What a finding, or its lack, says nothing about. */
export const NotSearched = Type.Object(
  {
    waiting: Type.Integer({ minimum: 0, description: 'Still to be read.' }),
    failed: Type.Integer({ minimum: 0, description: 'Could not be read or indexed.' }),
    withoutText: Type.Integer({
      minimum: 0,
      description: 'Were read and have no text, as scans that were not recognised.',
    }),
    partly: Type.Integer({
      minimum: 0,
      description: 'Have scanned pages that were not recognised; the rest was looked at.',
    }),
    elsewhere: Type.Integer({ minimum: 0, description: 'Are kept by the document service on another machine.' }),
  },
  { description: 'How many documents of the patient were not looked at.' },
);

interface Asked {
  readonly text: string;
  readonly limit: number;
  readonly after?: string | undefined;
}

/** Of the patient that the path names. Written down: who asked about whom, and how much was found. */
export async function searchPatient(
  services: ApiServices,
  access: Access,
  request: FastifyRequest,
  { text, ...asked }: Omit<Asked, 'text'> & { readonly text: string | undefined },
): Promise<FoundPassages & { readonly notSearched: NotSearchedCounts }> {
  const place = await patientOf(services, access, request, 'documents:read');
  // That it is missing is told only to those who may ask.
  if (text === undefined) throw new HttpError(400, 'invalid_request', 'What is asked for is missing.');
  return access.audited(
    request,
    {
      organizationId: place.organizationId,
      action: 'document.search',
      subject: { kind: 'patient', id: place.patientUuid },
    },
    async () => {
      // Before the search: what becomes readable meanwhile was perhaps not looked at.
      const notSearched = await services.unread.ofPatient(place.organizationId, place.patientUuid);
      return { ...(await findPassages(services, place, { text, ...asked })), notSearched };
    },
    ({ passages }) => ({ details: { passages: passages.length } }),
  );
}

export async function findPassages(services: ApiServices, place: SearchPlace, asked: Asked): Promise<FoundPassages> {
  const answer = await services.search.search({ ...place, ...asked });
  return { place, answer, passages: await stillThere(services, place, answer.passages) };
}

/** Hidden at once, also when it went to another patient: the index may still have what is removed already. */
export async function stillThere(
  services: ApiServices,
  { organizationId, patientUuid }: SearchPlace,
  passages: readonly FoundPassage[],
): Promise<NamedPassage[]> {
  const documents = [...new Set(passages.map((passage) => passage.documentUuid))];
  const names = await services.desk.names(organizationId, patientUuid, documents);
  return passages.flatMap((passage) => {
    const documentName = names.get(passage.documentUuid);
    return documentName === undefined ? [] : [{ ...passage, documentName }];
  });
}
