/** Passages in the documents of one patient, as the routes that look for them may show them. */
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { FoundPassage, SearchAnswer, SearchPlace } from '../ports/search-index.ts';
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
): Promise<FoundPassages> {
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
    () => findPassages(services, place, { text, ...asked }),
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
