/** Everything that can be made to go wrong, or to be otherwise than documented. All of it may be changed while it runs. */

/** What an answer can be instead of the right one. */
export type AnswerFaultKind =
  | 'status500'
  | 'status502'
  | 'status503'
  | 'status429'
  | 'html200'
  | 'html502'
  | 'half-body'
  | 'reset'
  | 'malformed'
  | 'wrong-type'
  | 'stall'
  | 'no-answer'
  // Only of lists:
  | 'foreign-next'
  | 'self-next'
  | 'same-page'
  | 'short'
  | 'duplicate'
  | 'empty';

export interface AnswerFault {
  kind: AnswerFaultKind;
  /** Name of a list, such as `patients`, or a whole path, such as `practitioners/inactive`; missing: all. */
  resource?: string;
  /** Only this page of the list (`same-page`: from this page on); missing: every request of the resource. */
  page?: number;
  /** How often still; missing: for ever. Counted down. */
  times?: number;
}

export interface Faults {
  /** Refuse a request whose `User-Agent` is not `NAME (E-MAIL)`, with 403. */
  requireUserAgent: boolean;
  /** All keys of all accounts are refused. */
  keyRevoked: boolean;
  /** The accounts moved: keys end in this shard now, and their former ends are refused. */
  movedToShard: string | null;
  /** What tells, in a 429, when to come back. */
  rateLimitHeader: 'reset' | 'retry-after' | 'both' | 'none' | 'past' | 'huge';
  /** Probability of a 429 although the limit is not reached. */
  random429: number;
  /** Probability of a 500. */
  random500: number;
  /** Decides the random failures and the changes while paging. Read at the start. */
  randomSeed: number;
  /** Every answer comes so late. */
  latencyMs: number;
  /** After every so many list requests the world changes by so many steps. */
  mutateWhilePaging: { every: number; steps: number } | null;
  /** When this page of patients has been answered, the first of the list vanishes, another patient is added, or both; once. */
  betweenPages: { after: number; remove: boolean; add: boolean } | null;
  /** The `Date` header is so much ahead. */
  clockSkewSeconds: number;
  answers: AnswerFault[];
  /** Origin of the `next` link of `foreign-next`. */
  foreignOrigin: string;
  /** Body of 4xx and 5xx answers; `mixed` changes with every answer. */
  errorBody: 'json' | 'empty' | 'html' | 'mixed';
  /** `deleted_at:*` gets a 400. */
  refuseAnyDeleted: boolean;
  /** Filters of any value, such as `cancelled_at:*`, of these fields are refused, with `refuseAnyWith`. */
  refuseAny: string[];
  refuseAnyWith: 400 | 422;
  /** Lists show cancelled bookings without being asked. */
  showCancelled: boolean;
  /** `include`: `cancelled_at:*` adds the cancelled ones. `only`: it shows none but them. */
  anyValue: 'include' | 'only';
  /** `GET /patients/{id}` still answers for a deleted patient. */
  deletedPatientsReadable: boolean;
  /** `GET /practitioners` has the inactive ones as well. */
  listInactivePractitioners: boolean;
  /** `sort=id` is accepted. */
  sortById: boolean;
  /** Another name for the key of every list. */
  listKey: string | null;
  omitTotalEntries: boolean;
  idsAsNumbers: boolean;
  emptyRelations: 'mixed' | 'absent' | 'null';
  /** `archived_at` and its like are "" instead of null. */
  emptyDates: boolean;
  /** The `Location` of a new attachment lacks `/v1`. */
  locationWithoutVersion: boolean;
  attachments: {
    /** Reads after an upload that still see it unprocessed; null: for ever. */
    readsUntilProcessed: number | null;
    /** The link of the content is without `/content`. */
    contentLinkWithoutPath: boolean;
    /** Seconds a link to the bytes is good for. */
    linkSeconds: number;
    /**
     * `redirect-elsewhere` sends to `foreignOrigin`, `redirect` to the same link again, `endless` never stops sending, `stall` stops
     * half-way without an end, `error` is a 500.
     */
    download:
      | 'ok'
      | 'expired'
      | 'truncated'
      | 'html'
      | 'missing'
      | 'redirect-elsewhere'
      | 'redirect'
      | 'endless'
      | 'stall'
      | 'error';
  };
}

export function defaultFaults(): Faults {
  return {
    requireUserAgent: true,
    keyRevoked: false,
    movedToShard: null,
    rateLimitHeader: 'reset',
    random429: 0,
    random500: 0,
    randomSeed: 1,
    latencyMs: 0,
    mutateWhilePaging: null,
    betweenPages: null,
    clockSkewSeconds: 0,
    answers: [],
    foreignOrigin: 'http://elsewhere.invalid',
    errorBody: 'json',
    refuseAnyDeleted: false,
    refuseAny: [],
    refuseAnyWith: 400,
    showCancelled: false,
    anyValue: 'include',
    deletedPatientsReadable: false,
    listInactivePractitioners: false,
    sortById: true,
    listKey: null,
    omitTotalEntries: false,
    idsAsNumbers: false,
    emptyRelations: 'mixed',
    emptyDates: false,
    locationWithoutVersion: false,
    attachments: { readsUntilProcessed: 2, contentLinkWithoutPath: false, linkSeconds: 60, download: 'ok' },
  };
}

const LIST_ONLY: readonly AnswerFaultKind[] = ['foreign-next', 'self-next', 'same-page', 'short', 'duplicate', 'empty'];

/** The first fault that fits, counted down. `page` is null when it is not a list. */
export function takeFault(faults: Faults, names: readonly string[], page: number | null): AnswerFault | null {
  const found = faults.answers.find(
    (fault) =>
      (fault.times ?? 1) > 0 &&
      (fault.resource === undefined || names.includes(fault.resource)) &&
      (page !== null || !LIST_ONLY.includes(fault.kind)) &&
      (fault.page === undefined || (page !== null && (page === fault.page || isLater(fault, page)))),
  );
  if (!found) return null;
  if (found.times !== undefined) found.times--;
  return found;
}

function isLater(fault: AnswerFault, page: number): boolean {
  return fault.kind === 'same-page' && page > (fault.page ?? 0);
}

/** Merges JSON into the switches: objects key by key, everything else as it is. @throws TypeError for an unknown switch */
export function mergeFaults(into: Faults, change: unknown): void {
  merge(into as unknown as Record<string, unknown>, change, '');
}

function merge(into: Record<string, unknown>, change: unknown, path: string): void {
  if (typeof change !== 'object' || change === null || Array.isArray(change)) {
    throw new TypeError(`${path || 'The body'} must be an object.`);
  }
  for (const [key, value] of Object.entries(change)) {
    if (!Object.hasOwn(into, key)) throw new TypeError(`There is no switch ${path}${key}.`);
    if (key === 'attachments') merge(into[key] as Record<string, unknown>, value, `${key}.`);
    else into[key] = value;
  }
}
