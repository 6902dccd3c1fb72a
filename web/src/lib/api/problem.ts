/** The one place that turns answers that are no success into something for people. */
import { words } from '../words.ts';

export type ProblemKind = 'offline' | 'signed-out' | 'forbidden' | 'missing' | 'conflict' | 'limited' | 'failed';

export interface FieldMistake {
  readonly field: string;
  readonly message: string;
}

export class Problem extends Error {
  readonly kind: ProblemKind;
  readonly title: string;
  readonly remedy: string | null;
  /** Finds the request in the logs and in the audit log. */
  readonly requestId: string | null;
  /** What is wrong with which field of a form; empty: it is about the whole. */
  readonly fields: readonly FieldMistake[];

  constructor(
    kind: ProblemKind,
    title: string,
    message: string,
    more: { remedy?: string; requestId?: string | null; fields?: readonly FieldMistake[] } = {},
  ) {
    super(message);
    this.kind = kind;
    this.title = title;
    this.remedy = more.remedy ?? null;
    this.requestId = more.requestId ?? null;
    this.fields = more.fields ?? [];
  }
}

export function networkProblem(): Problem {
  return new Problem('offline', words.problem.offline, words.problem.offlineText);
}

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem('failed', words.problem.failed, words.problem.unknown);
}

/** @param body what the description calls a Refusal, or anything else when something between answered */
export function problemOf(response: Pick<Response, 'status' | 'headers'>, body: unknown): Problem {
  const details = (body as { details?: Details } | undefined)?.details;
  const message = details?.message ?? words.problem.unknown;
  const requestId = response.headers.get('x-request-id');
  const fields = (body as { validationErrors?: readonly FieldMistake[] } | undefined)?.validationErrors ?? [];
  const more = { requestId, fields, ...(details?.remedy === undefined ? {} : { remedy: details.remedy }) };
  switch (response.status) {
    case 401:
      return new Problem('signed-out', words.problem.signedOut, words.problem.signedOutText, more);
    case 403:
      return new Problem('forbidden', words.problem.forbidden, message, more);
    case 404:
      return new Problem('missing', words.problem.missing, words.problem.missingText, more);
    case 409:
      return new Problem('conflict', words.problem.conflict, message, more);
    case 429: {
      const seconds = details?.retry_after ?? Number(response.headers.get('retry-after') ?? 60);
      return new Problem('limited', words.problem.limited, words.problem.limitedText(seconds), more);
    }
    case 502:
    case 503:
    case 504:
      // Ours say why; a proxy before us only that it found nobody.
      if (details === undefined) return networkProblem();
      return new Problem('failed', words.problem.failed, message, more);
    default:
      return new Problem('failed', words.problem.failed, message, more);
  }
}

interface Details {
  readonly message?: string;
  readonly remedy?: string;
  readonly retry_after?: number | null;
}
