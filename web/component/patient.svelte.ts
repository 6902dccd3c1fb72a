/** One patient as the component knows it: asked for once, then kept true by the stream of events. */
import { AnswerOrder } from '../src/lib/answer-order.ts';
import {
  type AlertType,
  type Asked,
  asFailure,
  type Duplicate,
  type Found,
  type Group,
  type Patient,
  type PatientFile,
  type Proposal,
  type Service,
  ServiceFailure,
  type SyncState,
} from './service.ts';
import { words } from './words.ts';

const PAGE = 500;
/** The component is for people who look at one patient; beyond that they search. */
const MOST_FILES = 5000;
const PASSAGES = 20;
/** Files that are sent in one request. */
const PORTION = 20;
const GATHER_MS = 300;
const WATCH_RUN_MS = 2000;
/** So often it is looked whether runs of others have changed something. */
const WATCH_SYNC_MS = 5 * 60_000;
const OPEN_RUN: ReadonlySet<string> = new Set(['queued', 'starting', 'running']);
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;

/** @param name of the event. @param detail ids only, no personal data */
export type Tell = (name: string, detail: Record<string, unknown>) => void;

export class PatientView {
  files = $state.raw<readonly PatientFile[] | null>(null);
  sync = $state.raw<SyncState | null>(null);
  patient = $state.raw<Patient | null>(null);
  /** Those that nobody has acknowledged, of the documents that are listed. */
  readonly alerts = $derived(
    (this.files ?? []).flatMap(({ silknoteDocumentUuid: documentId, originalName: name, alerts }) =>
      alerts.map(({ type, description, timestamp }) => ({ documentId, name, type, description, timestamp })),
    ),
  );
  groups = $state.raw<readonly Group[]>([]);
  /** Documents that may belong together. */
  proposals = $state.raw<readonly Proposal[]>([]);
  duplicates = $state.raw<readonly Duplicate[]>([]);
  /** There are more documents than are listed. */
  more = $state(false);
  #patientFailure = $state.raw<ServiceFailure | null>(null);
  #syncFailure = $state.raw<ServiceFailure | null>(null);
  /** Why the patient could not be looked at; over as soon as that works. */
  readonly failure = $derived(this.#patientFailure ?? this.#syncFailure);
  /** Why something that a person asked for was not done. Stays until they have read it, or asked for something else. */
  refusal = $state.raw<ServiceFailure | null>(null);
  /** The stream of events is open: what is shown is what is. */
  live = $state(false);

  /** IANA zone of the clinic; undefined: not known yet, times are the viewer's. */
  get timeZone(): string | undefined {
    return this.sync?.timeZone;
  }

  readonly uuid: string;
  readonly service: Service;
  readonly #tell: Tell;
  readonly #gone = new AbortController();
  readonly #ids = new WeakMap<File, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #runTimer: ReturnType<typeof setTimeout> | undefined;
  /** Runs that were asked for here and have not ended, as far as is known. */
  #asked: readonly string[] = [];
  #groupTimer: ReturnType<typeof setTimeout> | undefined;
  /** Of the newest question about the runs: an older one may be answered later. */
  #syncTurn = 0;
  readonly #fileOrder = new AnswerOrder();
  readonly #restOrder = new AnswerOrder();
  readonly #groupOrder = new AnswerOrder();

  constructor(uuid: string, service: Service, tell: Tell) {
    this.uuid = uuid;
    this.service = service;
    this.#tell = tell;
  }

  start(): void {
    void this.#follow();
  }
  stop(): void {
    this.#gone.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#runTimer);
    clearTimeout(this.#groupTimer);
  }

  /** What a person asks for. @returns whether it worked; when not, why is shown */
  async attempt(work: () => Promise<void>): Promise<boolean> {
    this.refusal = null;
    try {
      await work();
      return true;
    } catch (error) {
      if (!this.#gone.signal.aborted) this.refusal = this.#fail(error);
      return false;
    }
  }
  /** Looks, without that anybody asked. */
  async #look(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#patientFailure = null;
    } catch (error) {
      if (!this.#gone.signal.aborted) this.#patientFailure = this.#fail(error);
    }
  }

  /** Everything, after something of it could not be had. */
  async again(): Promise<void> {
    await Promise.all([this.reload(), this.reloadSync()]);
  }

  reload(): Promise<void> {
    const question = this.#fileOrder.ask();
    return this.#look(async () => {
      const files: PatientFile[] = [];
      let more = false;
      for (let after: string | null = null; ; ) {
        const query = { limit: PAGE, order: 'newest' as const, ...(after === null ? {} : { after }) };
        const page: { documents: PatientFile[]; next: string | null } = await this.service.ask((client) =>
          client.GET('/api/patients/{uuid}/documents', {
            params: { path: { uuid: this.uuid }, query },
            ...this.#signal,
          }),
        );
        files.push(...page.documents);
        after = page.next;
        if (after === null) break;
        more = files.length >= MOST_FILES;
        if (more) break;
      }
      if (!this.#fileOrder.accepts(question)) return;
      this.files = files;
      this.more = more;
      await this.#reloadRest();
    });
  }
  /** After something was done: that it cannot be looked at does not undo it. */
  #renew(): Promise<void> {
    return this.#look(() => this.#reloadRest());
  }

  async #reloadRest(): Promise<void> {
    const question = this.#restOrder.ask();
    const ofGroups = this.#groupOrder.ask();
    const params = { path: { uuid: this.uuid } };
    const [{ patient }, { groups }, { proposals }, { duplicates }] = await Promise.all([
      this.service.ask((client) => client.GET('/api/patients/{uuid}', { params, ...this.#signal })),
      this.service.ask((client) => client.GET('/api/patients/{uuid}/groups', { params, ...this.#signal })),
      this.service.ask((client) => client.GET('/api/patients/{uuid}/group-proposals', { params, ...this.#signal })),
      this.service.ask((client) => client.GET('/api/patients/{uuid}/duplicates', { params, ...this.#signal })),
    ]);
    if (this.#groupOrder.accepts(ofGroups)) this.groups = groups;
    this.#watchGroups();
    if (!this.#restOrder.accepts(question)) return;
    this.patient = patient;
    this.proposals = proposals;
    this.duplicates = duplicates;
  }

  /** No event tells that the PDF of a group is made. */
  #watchGroups(): void {
    clearTimeout(this.#groupTimer);
    if (this.#gone.signal.aborted || !this.groups.some(({ status }) => status === 'waiting')) return;
    this.#groupTimer = setTimeout(() => {
      const question = this.#groupOrder.ask();
      void this.#look(async () => {
        const asked = { params: { path: { uuid: this.uuid } }, ...this.#signal };
        const { groups } = await this.service.ask((client) => client.GET('/api/patients/{uuid}/groups', asked));
        if (this.#groupOrder.accepts(question)) this.groups = groups;
      }).finally(() => this.#watchGroups());
    }, WATCH_RUN_MS);
  }

  /** @param cost for whoever listens; the service asks for no money */
  activate(cost: number): Promise<boolean> {
    return this.attempt(async () => {
      const body = { activatedUse: true };
      const { activatedBefore } = await this.service.ask((client) =>
        client.POST('/api/patients/{uuid}/activate', { params: { path: { uuid: this.uuid } }, body }),
      );
      // Whoever listens charges for it: not twice, because somebody else was faster.
      if (!activatedBefore) this.#tell('activated', { cost });
      await this.#renew();
    });
  }

  acknowledge(documentId: string, alertType: AlertType): Promise<boolean> {
    return this.attempt(async () => {
      const body = { patientId: this.uuid, documentId, alertType };
      await this.service.ask((client) => client.POST('/api/alerts/acknowledge', { body }));
      this.#tell('alert-acknowledged', { documentUuid: documentId, alertType });
      this.files =
        this.files?.map((file) =>
          file.silknoteDocumentUuid === documentId
            ? { ...file, alerts: file.alerts.filter(({ type }) => type !== alertType) }
            : file,
        ) ?? null;
    });
  }

  readAgain(documentId: string): Promise<boolean> {
    return this.attempt(async () => {
      await this.service.ask((client) =>
        client.POST('/api/documents/{documentId}/reprocess', { params: { path: { documentId } } }),
      );
      this.#soon();
    });
  }

  group(documentIds: readonly string[], title: string): Promise<boolean> {
    return this.attempt(async () => {
      const body = { documentIds: [...documentIds], ...(title === '' ? {} : { title }) };
      await this.service.ask((client) =>
        client.POST('/api/patients/{uuid}/groups', { params: { path: { uuid: this.uuid } }, body }),
      );
      this.#tell('grouped', { documentUuids: [...documentIds] });
      await this.#renew();
    });
  }

  ungroup(groupId: string): Promise<boolean> {
    return this.attempt(async () => {
      const params = { path: { uuid: this.uuid, groupId } };
      await this.service.ask((client) => client.DELETE('/api/patients/{uuid}/groups/{groupId}', { params }));
      this.#tell('ungrouped', { groupId });
      await this.#renew();
    });
  }

  /** @param seen which summary the person who wrote has seen; null: none. @returns whether it is saved */
  saveSummary(text: string, seen: string | null): Promise<boolean> {
    return this.#changeSummary('summary-saved', words.summary.notSaved, (client) =>
      client.PUT('/api/patients/{uuid}/case-summary', {
        params: { path: { uuid: this.uuid }, header: asSeen(seen) },
        body: { caseSummary: { text } },
      }),
    );
  }

  removeSummary(seen: string | null): Promise<boolean> {
    return this.#changeSummary('summary-removed', words.summary.notRemoved, (client) =>
      client.DELETE('/api/patients/{uuid}/case-summary', {
        params: { path: { uuid: this.uuid }, header: asSeen(seen) },
      }),
    );
  }

  /** Nobody overwrites what they have not seen: the service compares. */
  #changeSummary(
    event: string,
    refused: string,
    change: (client: Asked) => Promise<{ data?: unknown; error?: unknown; response: Response }>,
  ): Promise<boolean> {
    return this.attempt(async () => {
      try {
        await this.service.ask(change);
      } catch (error) {
        if (!(error instanceof ServiceFailure) || error.status !== 412) throw error;
        await this.#renew();
        throw new ServiceFailure(412, refused);
      }
      this.#tell(event, {});
      await this.#renew();
    });
  }

  async reloadSync(): Promise<void> {
    clearTimeout(this.#runTimer);
    const turn = ++this.#syncTurn;
    const was = this.sync?.running === true;
    let success: boolean | null = null;
    try {
      const asked = this.#asked;
      // Before the patient: what they did is in what it says.
      const runs = await Promise.all(asked.map((syncId) => this.#run(syncId)));
      const sync = await this.service.ask((client) =>
        client.GET('/api/patients/{uuid}/sync', { params: { path: { uuid: this.uuid } }, ...this.#signal }),
      );
      if (turn !== this.#syncTurn) return;
      this.#syncFailure = null;
      const open = runs.some(({ state }) => OPEN_RUN.has(state));
      this.sync = { ...sync, running: open || (asked.length === 0 && sync.running) };
      if (!this.sync.running) {
        this.#asked = [];
        // Of runs that nobody asked for here only what they left is known.
        if (asked.length > 0)
          success = runs.every(({ state, outcome }) => state === 'completed' && outcome === 'success');
        else if (was) success = sync.problem === null && sync.consecutiveFailures === 0;
      }
    } catch (error) {
      if (turn !== this.#syncTurn) return;
      if (!this.#gone.signal.aborted) this.#syncFailure = this.#fail(error);
    }
    if (this.#gone.signal.aborted) return;
    // Always: else what could not be had once would be missing for good.
    const wait = this.sync?.running === true ? WATCH_RUN_MS : WATCH_SYNC_MS;
    this.#runTimer = setTimeout(() => void this.reloadSync(), wait);
    if (success !== null) this.#tell('synced', { success });
  }

  #run(syncId: string) {
    const params = { path: { uuid: this.uuid, syncId } };
    return this.service.ask((client) => client.GET('/api/patients/{uuid}/sync/{syncId}', { params, ...this.#signal }));
  }

  startSync(): Promise<boolean> {
    return this.attempt(async () => {
      const { syncIds } = await this.service.ask((client) =>
        client.POST('/api/patients/{uuid}/sync', { params: { path: { uuid: this.uuid } } }),
      );
      this.#asked = syncIds;
      // What is on its way knows nothing of them.
      this.#syncTurn++;
      this.sync = this.sync === null ? null : { ...this.sync, running: true };
      if (this.#gone.signal.aborted) return;
      clearTimeout(this.#runTimer);
      this.#runTimer = setTimeout(() => void this.reloadSync(), WATCH_RUN_MS);
    });
  }

  /** @param after `next` of the answer before; null: from the beginning */
  search(query: string, after: string | null): Promise<Found> {
    const body = { query, limit: PASSAGES, ...(after === null ? {} : { after }) };
    return this.service.ask((client) =>
      client.POST('/api/patients/{uuid}/search', { params: { path: { uuid: this.uuid } }, body }),
    );
  }

  /**
   * In portions: what the service has it keeps, also when another portion is lost on its way.
   * @param onProgress how many have been sent so far
   * @returns what was not accepted, how many were, and what could not be sent, with why
   */
  async upload(chosen: readonly File[], onProgress: (sent: number) => void): Promise<Uploaded> {
    const uploaded: Uploaded = { accepted: 0, refused: [], left: [], failure: null };
    for (let from = 0; from < chosen.length; from += PORTION) {
      const portion = chosen.slice(from, from + PORTION);
      try {
        const { accepted, refused } = await this.#send(portion);
        uploaded.accepted += accepted;
        uploaded.refused.push(...refused);
      } catch (error) {
        uploaded.left.push(...portion);
        uploaded.failure ??= asFailure(error);
      }
      onProgress(Math.min(from + PORTION, chosen.length) - uploaded.left.length);
    }
    this.#soon();
    return uploaded;
  }

  async #send(files: readonly File[]): Promise<Pick<Uploaded, 'accepted' | 'refused'>> {
    const form = new FormData();
    for (const file of files) {
      form.append('clientFileId', this.#idOf(file));
      form.append('file', file, file.name);
    }
    const { accepted, documents } = await this.service
      .ask((client) =>
        client.POST('/api/patients/{uuid}/process', {
          params: { path: { uuid: this.uuid } },
          body: form as never,
          bodySerializer: (body) => body as unknown as FormData,
        }),
      )
      .catch((error: unknown) => {
        // None was taken: as when some were.
        if (error instanceof ServiceFailure && error.documents !== null)
          return { accepted: 0, documents: error.documents };
        throw error;
      });
    const refused = documents.flatMap(({ error }, i) =>
      error === null ? [] : [{ name: files[i]?.name ?? '', why: error }],
    );
    const ids = documents.flatMap(({ documentUuid }) => (documentUuid === null ? [] : [documentUuid]));
    if (ids.length > 0) this.#tell('uploaded', { documentUuids: ids });
    return { accepted, refused };
  }

  /** The same each time that a file is sent: an answer that was lost makes no second document of it. */
  #idOf(file: File): string {
    const known = this.#ids.get(file) ?? crypto.randomUUID();
    this.#ids.set(file, known);
    return known;
  }

  /** The content as a PDF. */
  pdf(documentId: string): Promise<Blob> {
    return this.service.ask((client) =>
      client.GET('/api/documents/{documentId}/pdf', { params: { path: { documentId } }, parseAs: 'blob' }),
    ) as unknown as Promise<Blob>;
  }

  /** Of its documents, one after another. */
  groupPdf(groupId: string): Promise<Blob> {
    const params = { path: { uuid: this.uuid, groupId } };
    return this.service.ask((client) =>
      client.GET('/api/patients/{uuid}/groups/{groupId}/pdf', { params, parseAs: 'blob' }),
    ) as unknown as Promise<Blob>;
  }

  get #signal() {
    return { signal: this.#gone.signal };
  }
  #fail(error: unknown): ServiceFailure {
    const failure = asFailure(error);
    this.#tell('error', { status: failure.status, message: failure.message });
    return failure;
  }

  /** Listens for as long as the component is there; what was missed meanwhile comes first, or everything is looked at again. */
  async #follow(): Promise<void> {
    const { signal } = this.#gone;
    let last: string | null = null;
    for (let wait = FIRST_WAIT_MS; !signal.aborted; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      try {
        for await (const { event, text, id } of await this.service.events(this.uuid, last, signal)) {
          wait = FIRST_WAIT_MS;
          last = id ?? last;
          if (event === 'ready' || event === 'reset') {
            this.live = true;
            void this.reloadSync();
            await this.reload();
          } else this.#hear(event, JSON.parse(text) as Heard);
        }
      } catch (error) {
        if (signal.aborted) return;
        const failure = this.#fail(error);
        this.#patientFailure = failure;
        // What is not there or not allowed does not come by asking again.
        if (failure.status === 403 || failure.status === 404) return;
      }
      this.live = false;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  #hear(event: string, news: Heard): void {
    const { silknoteDocumentUuid: id, status, stage } = news;
    if (event === 'fileStatus' && status !== undefined) {
      this.files =
        this.files?.map((file) =>
          file.silknoteDocumentUuid === id ? { ...file, status, stage: (stage ?? null) as PatientFile['stage'] } : file,
        ) ?? null;
      this.#tell('file-status', { documentUuid: id, status, stage: stage ?? null });
    } else if (event === 'fileDeleted') this.#tell('file-deleted', { documentUuid: id });
    if (event === 'caseSummaryChanged') void this.#renew();
    else this.#soon();
  }

  /** Many files change at once: they are looked at together. */
  #soon(): void {
    clearTimeout(this.#timer);
    if (this.#gone.signal.aborted) return;
    this.#timer = setTimeout(() => void this.reload(), GATHER_MS);
  }
}

export interface Uploaded {
  accepted: number;
  /** The service took them not, and would not if they came again. */
  readonly refused: { name: string; why: string }[];
  /** They can be sent again. */
  readonly left: File[];
  /** Why not all could be sent. */
  failure: ServiceFailure | null;
}

interface Heard {
  readonly silknoteDocumentUuid?: string;
  readonly status?: string;
  readonly stage?: string | null;
}

function asSeen(etag: string | null): { 'if-match': string } | { 'if-none-match': '*' } {
  return etag === null ? { 'if-none-match': '*' } : { 'if-match': etag };
}
