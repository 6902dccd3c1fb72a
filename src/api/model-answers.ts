/**
 * Has the language model write from passages of one patient. It is written down before anything leaves this machine, and how it
 * went afterwards – neither with a word of it. What the model wrote is shown only as far as it cites passages that it was
 * given, and whose documents are still there.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Counter } from 'prom-client';
import { Type } from 'typebox';
import { type Citation, type CitedText, citedText, type ModelTask, readStatements } from '../domain/cited-answer.ts';
import { type ErrorCode, SyncError, toSyncError } from '../domain/errors.ts';
import type { SearchPlace } from '../ports/search-index.ts';
import type { Access } from './access.ts';
import { type NamedPassage, stillThere } from './patient-passages.ts';
import type { ApiServices } from './services.ts';

export type Purpose = 'question' | 'summary';

export interface ModelRequest extends SearchPlace {
  readonly purpose: Purpose;
  /** At most as many as the model takes. */
  readonly passages: readonly NamedPassage[];
  readonly task: (texts: readonly string[]) => ModelTask;
}

export interface ModelAnswers {
  readonly counter: Counter;
  /** @throws SyncError of the language model, or `cancelled` when the client has gone away */
  write(request: FastifyRequest, reply: FastifyReply, asked: ModelRequest): Promise<CitedText>;
}

const FAILURES: ReadonlySet<ErrorCode> = new Set([
  'language_model_unavailable',
  'language_model_timeout',
  'language_model_credentials',
  'language_model_refused',
  'language_model_unreadable',
  'language_model_uncited',
]);

/** Whether it is the model that failed, and not something that the answer without a model needs as well. */
export function isOfModel(failure: SyncError): boolean {
  return FAILURES.has(failure.code);
}

export function createModelAnswers(app: FastifyInstance, services: ApiServices, access: Access): ModelAnswers {
  const counter = new Counter({
    name: 'language_model_answers_total',
    help: 'What the language model was asked, by purpose and by what came of it: "written", or the code of the failure.',
    labelNames: ['purpose', 'result'],
    // One for each server, not one for the process.
    registers: [],
  });
  const stopping = new AbortController();
  app.addHook('preClose', async () => stopping.abort());

  /** Ends with the client, and with the process. */
  async function ask(reply: FastifyReply, task: ModelTask): Promise<string> {
    const gone = new AbortController();
    const leave = () => gone.abort();
    reply.raw.once('close', leave);
    if (reply.raw.closed || reply.raw.destroyed) leave();
    try {
      return await services.languageModel!.ask(task, AbortSignal.any([gone.signal, stopping.signal]));
    } catch (error) {
      if (gone.signal.aborted || !stopping.signal.aborted) throw error;
      throw new SyncError('language_model_unavailable', { detail: 'This process is being stopped.', cause: error });
    } finally {
      reply.raw.off('close', leave);
    }
  }

  async function written(reply: FastifyReply, { passages, task, ...place }: ModelRequest): Promise<CitedText> {
    const answer = await ask(reply, task(passages.map(({ text }) => text)));
    const statements = readStatements(answer, passages.length);
    if (statements === null) throw new SyncError('language_model_unreadable', { detail: 'It is not the JSON.' });
    // Minutes may have passed: what rests on a document that was removed meanwhile is not shown.
    const cited = [...new Set(statements.flatMap((statement) => statement.passages))];
    const there = await stillThere(
      services,
      place,
      cited.map((i) => passages[i]!),
    );
    const documents = new Set(there.map(({ documentUuid }) => documentUuid));
    const kept = statements.filter((statement) =>
      statement.passages.every((i) => documents.has(passages[i]!.documentUuid)),
    );
    if (kept.length === 0) throw new SyncError('language_model_uncited');
    return citedText(kept);
  }

  return {
    counter,
    async write(request, reply, asked) {
      const { organizationId, patientUuid, purpose, passages } = asked;
      const deed = {
        organizationId,
        subject: { kind: 'patient', id: patientUuid },
        details: { purpose, passages: passages.length },
      };
      await access.note(request, { ...deed, action: 'language_model.ask' });
      let result: string = 'written';
      try {
        return await access.audited(
          request,
          { ...deed, action: 'language_model.answer' },
          () => written(reply, asked),
          ({ citations }) => ({ details: { citations: citations.length } }),
        );
      } catch (error) {
        const failure = toSyncError(error);
        result = failure.code;
        if (isOfModel(failure)) {
          request.log.warn({ organization: organizationId, code: failure.code }, 'the language model did not answer');
        }
        throw error;
      } finally {
        counter.inc({ purpose, result });
      }
    },
  };
}

/** Of a citation, as the routes show it. */
export const CITATION_FIELDS = {
  documentId: Type.String({ format: 'uuid' }),
  documentName: Type.String(),
  pageNumber: Type.Integer({ minimum: 1 }),
  startIndex: Type.Integer({
    minimum: 0,
    description: 'In the text, of the passage, or of the statement that rests on it.',
  }),
  endIndex: Type.Integer({ minimum: 0 }),
  citationIndex: Type.Integer({ minimum: 1, description: 'The number that the text has for the passage.' }),
};

export function citationOf(passages: readonly NamedPassage[], citation: Citation) {
  const { documentUuid, documentName, page } = passages[citation.passage]!;
  const { startIndex, endIndex, citationIndex } = citation;
  return { documentId: documentUuid, documentName, pageNumber: page, startIndex, endIndex, citationIndex };
}
