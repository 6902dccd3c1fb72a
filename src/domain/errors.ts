/**
 * The one error type that crosses a port, and the catalogue of its codes.
 *
 * An adapter turns whatever its driver throws into a {@link SyncError}, deciding by status or driver code, never by
 * reading message text. The engine only looks at `action`:
 *
 * - `retry`  the same call may work later (after `retryAfterMs` when given);
 * - `skip`   this item cannot be done now; record it and go on with the next one;
 * - `fail`   this unit cannot be done; record it and go on with the next unit;
 * - `stop`   the whole connection cannot be worked on (credentials, changed shape, source away).
 *
 * `docs/errors.md` is generated from {@link ERROR_CATALOGUE} and a test keeps both equal.
 */
export type ErrorAction = 'retry' | 'skip' | 'fail' | 'stop';

export interface ErrorCatalogueEntry {
  readonly action: ErrorAction;
  /** What happened, as a sentence without names, paths or other personal data. */
  readonly summary: string;
  /** What a person should do about it. */
  readonly remedy: string;
}

export const ERROR_CATALOGUE = {
  // Settings
  settings_invalid: {
    action: 'stop',
    summary: 'The settings of the connection are not valid.',
    remedy: 'Correct the setting that the message names.',
  },
  encryption_key_missing: {
    action: 'stop',
    summary: 'No encryption key is configured, so credentials can be neither stored nor read.',
    remedy: 'Set CHARTSYNC_ENCRYPTION_KEY to 32 random bytes in base64 ("openssl rand -base64 32") and restart.',
  },
  credentials_unreadable: {
    action: 'stop',
    summary: 'The stored credentials of the connection cannot be opened with the configured encryption keys.',
    remedy: 'Add the former key to CHARTSYNC_ENCRYPTION_KEYS_OLD, or store the credentials again.',
  },
  // Source
  source_unreachable: {
    action: 'stop',
    summary: 'The source system does not answer.',
    remedy: 'Check that the server runs and that host and port are right. The next run continues by itself.',
  },
  source_credentials: {
    action: 'stop',
    summary: 'The source system refused the user name, password or key.',
    remedy: 'Correct the credentials in the connection settings.',
  },
  second_factor_required: {
    action: 'stop',
    summary: 'The portal asks for a second factor, which Chartsync cannot give.',
    remedy: 'Give the connection a user of the portal without a second factor, then resume it.',
  },
  browser_unavailable: {
    action: 'stop',
    summary: 'The browser that logs in to the portal is not installed, does not start, or ended.',
    remedy:
      'Install Chromium ("apt-get install chromium"), or name its program in CHARTSYNC_CHROMIUM. The next run tries again.',
  },
  source_permission: {
    action: 'stop',
    summary: 'The user of the source system may not read something that is needed.',
    remedy:
      'Grant SELECT on the tables that the mapping names, or give the user of the key a role that may see the list.',
  },
  source_mapping: {
    action: 'stop',
    summary: 'The source database lacks a table or column that the mapping names.',
    remedy: 'Correct the mapping, or the source schema; the message lists what is missing.',
  },
  source_changed_during_read: {
    action: 'retry',
    summary: 'The source schema changed while it was read.',
    remedy: 'Nothing: the run repeats the read.',
  },
  source_incomplete: {
    action: 'fail',
    summary: 'The source could not be read to its end, or its counts do not agree.',
    remedy: 'Nothing was removed. Look for an error of the source system; the next run reads everything again.',
  },
  source_order: {
    action: 'stop',
    summary: 'The source delivered items out of order or twice.',
    remedy: 'Two source rows have the same reference. Look for duplicate file identifiers in the source.',
  },
  source_timeout: {
    action: 'retry',
    summary: 'The source did not answer in time.',
    remedy: 'Nothing: the run repeats the call. If it stays, look at the load of the source system.',
  },
  // Source over HTTP
  source_contract_changed: {
    action: 'stop',
    summary: 'The source system answered in a shape that this version does not know.',
    remedy:
      'Nothing was stored or removed from that answer. Report it with the run id; resume the connection after an update.',
  },
  source_account_changed: {
    action: 'stop',
    summary: 'The key is for another account than the one that was copied so far.',
    remedy: 'Nothing was changed. Correct the key, or make a new connection for the other account.',
  },
  source_request_refused: {
    action: 'fail',
    summary: 'The source system refused a request as wrong.',
    remedy: 'Check baseUrl, which ends in /v1. If it is right, report the status. Nothing was removed because of it.',
  },
  source_filter_refused: {
    action: 'skip',
    summary: 'The source refuses to show archived, cancelled or deleted records of a list.',
    remedy:
      'Nothing is wrong with what was copied, but such a change is found only by the nightly read of everything, or not at all where archived records are refused. Ask the vendor; skip it to take note.',
  },
  consultation_unlinked: {
    action: 'skip',
    summary: 'The consultation names no appointment that is stored of this clinic, so nobody can say where it belongs.',
    remedy:
      'Enter its appointment in the portal, or read the dates of its appointment ("schedule-sync" with startDate); else skip it. It is never linked by a name.',
  },
  source_rate_limited: {
    action: 'retry',
    summary: 'The source system asked us to slow down.',
    remedy:
      'Nothing: the run waits and goes on. If it stays, lower requestsPerMinute, or see which other programs use the same user.',
  },
  source_failed: {
    action: 'retry',
    summary: 'The source system answered with an error of its own.',
    remedy: 'Nothing: it is tried again. If it stays, look at the status page of the source system.',
  },
  credentials_missing: {
    action: 'stop',
    summary: 'No credentials are configured for the connection.',
    remedy: 'Give them in chartsync.yaml, or store them with "chartsync credentials set".',
  },
  // File share
  share_unavailable: {
    action: 'stop',
    summary: 'The file share is not mounted, empty, or its marker file is missing.',
    remedy: 'Mount the share and check fileBasePath and shareMarker. No document was removed.',
  },
  file_missing: {
    action: 'skip',
    summary: 'The source has a record of this file but the share has no such file.',
    remedy: 'Restore the file on the share or remove its record in the source system.',
  },
  file_path_refused: {
    action: 'skip',
    summary: 'The path of this file breaks the path rules, so it was not opened.',
    remedy:
      'Correct the path in the source system; it must be relative, below the allowed prefix and free of links that leave it.',
  },
  file_not_regular: {
    action: 'skip',
    summary: 'The path names a folder, device, pipe or socket, not a file.',
    remedy: 'Correct the path in the source system.',
  },
  file_unreadable: {
    action: 'skip',
    summary: 'The file exists but cannot be read.',
    remedy: 'Give the Chartsync user the right to read it, or check the disk of the share.',
  },
  file_too_large: {
    action: 'skip',
    summary: 'The file is larger than the limit.',
    remedy: 'Raise maxFileSize, or make the file smaller.',
  },
  file_empty: {
    action: 'skip',
    summary: 'The file has no content.',
    remedy: 'Replace the file in the source system.',
  },
  file_type_unsupported: {
    action: 'skip',
    summary: 'The content of the file is of a type that is not stored.',
    remedy: 'Replace it by a document or image, or skip it.',
  },
  file_changed_while_read: {
    action: 'retry',
    summary: 'The file changed while it was read.',
    remedy: 'Nothing: it is read again in the next run.',
  },
  // Attachments of a source over HTTP
  attachment_missing: {
    action: 'skip',
    summary: 'The source lists an attachment whose content it does not have.',
    remedy: 'Open it in the source system. If it does not open there either, archive it or upload it again.',
  },
  attachment_link_refused: {
    action: 'skip',
    summary: 'The content of an attachment is said to be at a place that is not trusted, so it was not fetched.',
    remedy:
      'If the source system really keeps its files there, name the host in attachmentHosts. No key was sent to that place.',
  },
  attachment_refused: {
    action: 'retry',
    summary: 'The place that keeps the content of an attachment refused the link to it, which may have expired.',
    remedy: 'Nothing: it is tried again with a new link. If it stays, check that the clock of this machine is right.',
  },
  attachment_mismatch: {
    action: 'retry',
    summary: 'What came is not the whole content of the attachment, or something else.',
    remedy: 'Nothing was stored of it, and it is tried again. If it stays, open the attachment in the source system.',
  },
  attachment_unavailable: {
    action: 'retry',
    summary: 'The place that keeps the contents of attachments does not answer.',
    remedy:
      'Nothing: it is tried again. If it stays, check that this machine may reach the host that the message names.',
  },
  attachment_unprocessed: {
    action: 'skip',
    summary: 'The source has not finished with an attachment for more than a day, so it has no content.',
    remedy: 'Open it in the source system; if it does not open there, upload it again.',
  },
  attachment_without_patient: {
    action: 'skip',
    summary: 'The source does not say whose an attachment is, so it was not stored.',
    remedy: 'Open it in the source system and upload it again in the record of its patient.',
  },
  // Blob store
  blob_unavailable: {
    action: 'retry',
    summary: 'The blob store does not answer.',
    remedy: 'Check the blob store. What was copied so far is kept; the next run continues.',
  },
  blob_credentials: {
    action: 'stop',
    summary: 'The blob store refused the credentials.',
    remedy: 'Correct the connection string of the blob store.',
  },
  blob_corrupt: {
    action: 'skip',
    summary: 'The stored content does not have the size or SHA-256 that it should have.',
    remedy:
      'Run chartsync repair --content: it copies the file from the source again, or says what has to be brought again.',
  },
  blob_missing: {
    action: 'skip',
    summary: 'A document has no blob.',
    remedy: 'Run chartsync repair: it copies the file from the source again, or says what has to be brought again.',
  },
  blob_disk_full: {
    action: 'stop',
    summary: 'The disk of the blob store is full.',
    remedy: 'Make space. What was copied so far is kept; the next run continues.',
  },
  // Content of documents
  document_encrypted: {
    action: 'skip',
    summary: 'The document is protected by a password, so its content cannot be read.',
    remedy: 'Store it without a password in the source system.',
  },
  document_corrupt: {
    action: 'skip',
    summary: 'The document is damaged, so its content cannot be read.',
    remedy: 'Open it in the source system; if it does not open there either, replace it.',
  },
  document_empty: {
    action: 'skip',
    summary: 'The document has no content.',
    remedy: 'Replace it in the source system.',
  },
  document_too_large: {
    action: 'skip',
    summary: 'The document is larger than the limits for reading its content.',
    remedy: 'Raise the limit that the message names, or split the document.',
  },
  document_type_unsupported: {
    action: 'skip',
    summary: 'The content of this type of document cannot be read.',
    remedy: 'Store it as PDF in the source system when its content is needed.',
  },
  document_converter_missing: {
    action: 'skip',
    summary: 'The program that converts this type of document is not installed.',
    remedy: 'Install LibreOffice ("apt-get install libreoffice-writer"). The document is then tried again by itself.',
  },
  document_timeout: {
    action: 'skip',
    summary: 'Reading the content of the document took longer than it may.',
    remedy: 'Nothing: it is tried once more. If it stays, raise the time limit or simplify the document.',
  },
  document_memory: {
    action: 'skip',
    summary: 'Reading the content of the document needed more memory than it may.',
    remedy: 'Raise the memory limit, or simplify the document.',
  },
  document_reader_crashed: {
    action: 'skip',
    summary: 'The program that reads the document ended unexpectedly.',
    remedy: 'Nothing: it is tried once more. If it stays, report it with the type of the document.',
  },
  // Search index
  search_off: {
    action: 'stop',
    summary: 'No search index is configured.',
    remedy: 'Set stores.search to a kind other than none, and restart.',
  },
  search_unavailable: {
    action: 'retry',
    summary: 'The search index does not answer.',
    remedy: 'Check the folder or service of the search index. What is missing in it is indexed again by itself.',
  },
  search_other_home: {
    action: 'stop',
    summary: 'The folder of the search index is not the one that the index of these records is kept in.',
    remedy:
      'Give all processes the same folder in stores.search, and restart. When this one is to take its place, run chartsync rebuild-index --all here, and restart.',
  },
  search_credentials: {
    action: 'stop',
    summary: 'The service of the search index refused the credentials.',
    remedy: 'Correct the key in stores.search.',
  },
  search_disk_full: {
    action: 'stop',
    summary: 'The disk of the search index is full.',
    remedy: 'Make space. What is missing in the index is indexed again by itself.',
  },
  search_refused: {
    action: 'skip',
    summary: 'The service of the search index could not index this document.',
    remedy: 'Look whether the document has readable text. It can be read as before, but not be found by its words.',
  },
  search_rebuild_ended: {
    action: 'stop',
    summary: 'This rebuild of the search index has ended, or a later one has taken its place.',
    remedy: 'Nothing when a later one goes on; else begin the rebuild again.',
  },
  embeddings_unavailable: {
    action: 'retry',
    summary: 'The embeddings endpoint does not answer.',
    remedy: 'Check stores.search.embeddings. What is missing in the index is indexed again by itself.',
  },
  embeddings_mismatch: {
    action: 'stop',
    summary: 'The embeddings endpoint refuses the settings, or answers with other vectors than they say.',
    remedy: 'Correct key, model or dimensions in stores.search.embeddings.',
  },
  // Language model
  language_model_unavailable: {
    action: 'retry',
    summary: 'The language model does not answer, or has too much to do.',
    remedy:
      'Check that languageModel.endpoint is right, that this machine may reach it and that its quota is not used up; then ask again.',
  },
  language_model_timeout: {
    action: 'retry',
    summary: 'The language model did not answer in time.',
    remedy: 'Ask again. If it stays, raise languageModel.timeout, lower maxPassages, or take a faster model.',
  },
  language_model_credentials: {
    action: 'stop',
    summary: 'The language model refused the key.',
    remedy: 'Correct languageModel.apiKey, and restart.',
  },
  language_model_refused: {
    action: 'stop',
    summary: 'The language model refused the request.',
    remedy:
      'Check endpoint and model under languageModel. When both are right, lower maxPassages: the model may not take so much at once.',
  },
  language_model_unreadable: {
    action: 'skip',
    summary: 'The language model answered in another form than it was asked for.',
    remedy: 'Ask again. If it stays, take another model.',
  },
  language_model_uncited: {
    action: 'skip',
    summary: 'The language model said nothing that names a passage which it was given.',
    remedy: 'Look at the passages themselves, or ask in other words.',
  },
  // Document service on another machine
  remote_unavailable: {
    action: 'retry',
    summary: 'The document service on the other machine does not answer.',
    remedy: 'Check that it runs and that documents.endpoint is right. What was not sent is sent when it answers.',
  },
  remote_credentials: {
    action: 'stop',
    summary: 'The document service on the other machine refused the key.',
    remedy: 'Correct documents.apiKey of the connection; the key needs documents:read, documents:write and sync:read.',
  },
  remote_refused: {
    action: 'skip',
    summary: 'The document service on the other machine refused a document.',
    remedy: 'Look there for the reason. A run that a person starts sends the document again.',
  },
  remote_unnamed: {
    action: 'skip',
    summary: 'The document service on the other machine took a document without naming it.',
    remedy: 'Look there whether it has the document. A run that a person starts sends it again.',
  },
  // Home folder
  home_disk_full: {
    action: 'stop',
    summary: "The disk of Chartsync's home folder, or of the plan file, is full.",
    remedy: 'Make space. What was copied so far is kept; the next run continues.',
  },
  machine_trouble: {
    action: 'stop',
    summary: 'A folder, port or program of this machine cannot be used.',
    remedy: 'Correct what the message names, then try again. CHARTSYNC_HOME, PORT and HOST choose others.',
  },
  // Records
  database_unavailable: {
    action: 'stop',
    summary: 'The record database does not answer.',
    remedy: 'Check DATABASE_URL or the embedded database. The next run continues by itself.',
  },
  database_newer: {
    action: 'stop',
    summary: 'The record database was changed by a newer version of Chartsync.',
    remedy: 'Start that version or a later one, or restore the database as it was before the update.',
  },
  lease_lost: {
    action: 'stop',
    summary: 'Another process has taken over this connection.',
    remedy: 'Nothing: the other process goes on with the work.',
  },
  connection_busy: {
    action: 'stop',
    summary: 'A run of this connection is already in progress.',
    remedy: 'Wait for it to end, or cancel it.',
  },
  organization_busy: {
    action: 'retry',
    summary: 'The organisation has as many runs in progress as it may have.',
    remedy: 'Wait for one of them to end, or raise limits.maxConcurrentSyncs.',
  },
  queue_full: {
    action: 'retry',
    summary: 'Too many runs of the organisation wait already.',
    remedy: 'Ask again later, or raise limits.maxQueuedSyncs.',
  },
  run_timeout: {
    action: 'stop',
    summary: 'The run took longer than it may.',
    remedy: 'What was done is kept; the next run continues. Raise the timeout of the connection if runs need longer.',
  },
  handed_back: {
    action: 'stop',
    summary: 'The process that worked on this run was stopped; another one continues it.',
    remedy: 'Nothing: the run goes on.',
  },
  connection_paused: {
    action: 'stop',
    summary: 'This connection is paused.',
    remedy: 'Resume it when the reason is gone.',
  },
  cancelled: {
    action: 'stop',
    summary: 'The run was cancelled.',
    remedy: 'Start it again when wanted; what was done is kept.',
  },
  unit_orphaned: {
    action: 'skip',
    summary: 'The patient of this fileset is no longer in the source. Its documents are kept and not synchronised.',
    remedy: 'If the patient was re-booked, move the documents to the new patient.',
  },
  fileset_not_activated: {
    action: 'stop',
    summary: 'The fileset of this patient is not activated, so it is not synchronised.',
    remedy:
      'Activate the patient: on the patient\'s page, in the component, or with POST /api/patients/{uuid}/activate. Who is not found there is known after the next run of the whole connection. Or set "activate: all" in the connection settings.',
  },
  unit_not_linkable: {
    action: 'skip',
    summary: 'Files in the source belong to a patient without a patient UUID.',
    remedy: 'Fill the patient UUID column of the source for these patients.',
  },
  // Alerts
  alert_address_refused: {
    action: 'stop',
    summary: 'The address of the webhook is not one that alerts may be sent to.',
    remedy:
      'Use an https: address that is public, or allow its address or range under alerts.allowedAddresses in chartsync.yaml.',
  },
  alert_not_accepted: {
    action: 'retry',
    summary: 'The other side did not accept the message of an alert.',
    remedy: 'Look at what it answered, correct the address, the secret or the mail account, then send a test.',
  },
  alert_unreachable: {
    action: 'retry',
    summary: 'The message of an alert could not be delivered: the other side does not answer.',
    remedy: 'Check that the address is right and that this machine may reach it, then send a test.',
  },
  alert_mail_missing: {
    action: 'stop',
    summary: 'Alerts by e-mail need a mail server, and none is configured.',
    remedy:
      'Describe it under alerts.smtp in chartsync.yaml, or in CHARTSYNC_SMTP_URL and CHARTSYNC_SMTP_FROM; then restart.',
  },
  plan_stale: {
    action: 'stop',
    summary: 'The plan does not fit the present state any more.',
    remedy: 'Make a new plan.',
  },
  plan_differs: {
    action: 'stop',
    summary: 'The run would have done something that its plan did not show, so it stopped before that.',
    remedy: 'Make a new plan, look at it, and start the run with it; or start the run without a plan.',
  },
  unexpected: {
    action: 'fail',
    summary: 'Something happened that Chartsync did not expect.',
    remedy: 'Report it with the run id. Nothing was removed because of it.',
  },
} as const satisfies Record<string, ErrorCatalogueEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

export interface SyncErrorOptions {
  /** Overrides the catalogue's action, e.g. a refused page that is worth a retry. */
  readonly action?: ErrorAction;
  readonly retryAfterMs?: number;
  /** More for the person: ids, counts, limits, column names. No personal data, no paths, no secrets. */
  readonly detail?: string;
  /** The driver's error. Never logged or shown as it is: its text may hold personal data. */
  readonly cause?: unknown;
}

export class SyncError extends Error {
  readonly code: ErrorCode;
  readonly action: ErrorAction;
  readonly retryAfterMs: number | undefined;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, options: SyncErrorOptions = {}) {
    const entry = ERROR_CATALOGUE[code];
    super(options.detail ? `${entry.summary} ${options.detail}` : entry.summary, { cause: options.cause });
    this.name = 'SyncError';
    this.code = code;
    this.action = options.action ?? entry.action;
    this.retryAfterMs = options.retryAfterMs;
    this.detail = options.detail;
  }

  get remedy(): string {
    return ERROR_CATALOGUE[this.code].remedy;
  }
}

/** Wraps anything thrown into a {@link SyncError}; an abort becomes `cancelled`, the unknown becomes `unexpected`. */
export function toSyncError(error: unknown, fallback: ErrorCode = 'unexpected'): SyncError {
  if (error instanceof SyncError) return error;
  if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')) {
    return new SyncError('cancelled', { cause: error });
  }
  const detail = fallback === 'unexpected' ? originOf(error) : undefined;
  return new SyncError(fallback, { cause: error, ...(detail === undefined ? {} : { detail }) });
}

/** What kind of error it was and where, for whoever is to find its reason. Never its text: that may name a person or a path. */
function originOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  const calls = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  const ours = calls
    .filter((line) => !line.includes('node_modules'))
    .map((line) => /.*\/src\/([\w./-]+\.ts)(?:\?[\w=]*)?:(\d+)/.exec(line))
    .find((found) => found !== null);
  const place = ours && `${ours[1]}:${ours[2]}`;
  const words = [
    /^[A-Za-z]{1,40}$/.test(error.name) ? error.name : 'Error',
    ...(typeof code === 'string' && /^[A-Z0-9_]{2,40}$/.test(code) ? [code] : []),
    ...(place ? [`at ${place}`] : []),
  ];
  return `${words.join(' ')}.`;
}
