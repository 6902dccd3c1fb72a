/**
 * What `verify` found in contents, search index, the document service on another machine and mirrored tables, set right: the same
 * that `chartsync repair` does. First it is only said; then exactly what was said is done, each looked at again at that moment.
 */
import { SyncError } from '../domain/errors.ts';
import type { InspectionLine, InspectionOptions, InspectionResult } from '../domain/inspection.ts';
import { type BlobDifference, compareBlobs } from './compare-blobs.ts';
import { compareIndex } from './compare-index.ts';
import { compareRemote, repairRemote } from './compare-remote.ts';
import { type Connection, type FileConnection, isFileConnection } from './connections.ts';
import { createFindings, type Findings } from './inspection-findings.ts';
import { compareMirror, repairMirror } from './mirror-tables.ts';
import {
  type BlobDeed,
  type BlobRepairPorts,
  createBlobRepair,
  deedOf,
  inRepairOrder,
  workOnWhatIsBack,
} from './repair-blobs.ts';
import { repairIndex } from './repair-index.ts';
import { ofPatient, type StoreDifference, type StorePorts } from './verify-stores.ts';

export interface RepairWork {
  readonly connection: Connection;
  readonly options: InspectionOptions;
  /** What the preview named, see `repairedOf`; null: this is the preview. */
  readonly repaired: ReadonlySet<string> | null;
  readonly storesOf: (connection: FileConnection) => StorePorts;
  readonly contents: Omit<BlobRepairPorts, 'connections'>;
  /** Of this process. */
  readonly connections: readonly Connection[];
  readonly signal: AbortSignal;
  /** Items looked at so far. */
  readonly advance: (checked: number) => void;
}

interface Repair {
  readonly work: RepairWork;
  readonly connection: FileConnection;
  readonly found: Findings;
  /** One more is looked at. @returns whether something is to be done about it; otherwise it is only said */
  begin(difference: StoreDifference): boolean;
}

/** @throws SyncError what ended it; what was set right stays so */
export async function repair(work: RepairWork): Promise<InspectionResult> {
  const { connection, repaired, advance } = work;
  if (!isFileConnection(connection)) {
    throw new SyncError('settings_invalid', { detail: 'Only a connection that copies files can be repaired here.' });
  }
  const found = createFindings();
  let looked = 0;
  const begin = (difference: StoreDifference) => {
    work.signal.throwIfAborted();
    advance(++looked);
    return repaired?.has(nameOf(difference.store, difference)) === true;
  };
  const one: Repair = { work, connection, found, begin };
  // Contents come first: the others are made of them.
  await contents(one);
  await elsewhere(one);
  await mirror(one);
  await index(one);
  return found.result();
}

/** What a preview named, so that nothing else is done. */
export function repairedOf({ lines }: InspectionResult): ReadonlySet<string> {
  return new Set(lines.map((line) => nameOf(line.what.slice(line.what.lastIndexOf(' ') + 1), line)));
}

type Named = Pick<InspectionLine, 'unit' | 'reference' | 'documentUuid'> & { readonly sha256?: string | null };

function nameOf(store: string, { unit, reference, documentUuid, sha256 }: Named): string {
  // Who has a content may change meanwhile.
  if (store === 'blob') return `blob ${sha256}`;
  return [store, unit, reference, documentUuid].join(' ');
}

const DEEDS: Readonly<Record<BlobDeed, string>> = {
  copy: 'Would be read from the share again, if the file there still has this content.',
  read: 'The document would be read again.',
  merge: 'The PDF of the group would be made again.',
  bring: 'Nothing here has it: bring the content again, as by an upload.',
  forget: 'Nobody needs it: would be noted as gone.',
};

const DONE = {
  copied: 'It was copied from the share again.',
  asked: 'The service makes it again.',
  forgotten: 'Nobody needs it: noted as gone.',
  settled: 'It was right by then.',
} as const;

async function contents({ work, found, begin }: Repair): Promise<void> {
  const { connection, contents: ports, connections, options, signal, repaired } = work;
  const { organizationId } = connection;
  const own = connections.filter(isFileConnection).filter((other) => other.organizationId === organizationId);
  const scope = { organizationId, patientUuid: null, content: options.content, signal };
  const mend = createBlobRepair({ ...ports, connections: own }, scope);
  for (const content of inRepairOrder(own, (await compareBlobs(ports, scope)).differences)) {
    const difference = ofContent(content);
    if (begin(difference)) {
      const done = await mend(content);
      const why = done.result === 'left' ? done.why : { message: DONE[done.result], code: null };
      found.add({ ...lineOf(difference), ...why, what: `${done.result} blob` });
    } else if (repaired === null) {
      // Its code has the remedy "repair", which this is.
      found.add({ ...lineOf(difference), code: null, message: DEEDS[deedOf(own, content)] });
    }
  }
  if (repaired !== null) await workOnWhatIsBack(ports, scope);
}

async function elsewhere({ work, connection, found, begin }: Repair): Promise<void> {
  const { remote } = work.storesOf(connection);
  if (remote === null) return;
  const key = connection.settings;
  const { differences } = await compareRemote(remote, { key, unit: null, signal: work.signal });
  for (const unlike of differences) {
    const difference = ofPatient('remote', unlike);
    if (begin(difference)) {
      const result = await repairRemote(remote, key, unlike);
      const message = result === 'asked' ? 'The service sees to it.' : 'A person has to look there.';
      found.add({ ...lineOf(difference), what: `${result} remote`, message });
    } else if (work.repaired === null) {
      const isNamed = unlike.reference !== null && unlike.documentUuid !== null;
      const again = unlike.kind === 'surplus' ? 'Its removal would be tried again.' : 'Would be sent again.';
      found.add({ ...lineOf(difference), message: isNamed ? again : 'Nothing is done: look there.' });
    }
  }
}

async function mirror({ work, connection, found, begin }: Repair): Promise<void> {
  const { mirror: own } = work.storesOf(connection);
  if (own === null) return;
  const unlike = await compareMirror(own.records, own.mirror, work.signal);
  const chosen = unlike.filter((one) => begin(ofPatient('mirror', one)));
  if (chosen.length > 0) await repairMirror(own.records, own.mirror, chosen, work.signal);
  for (const one of work.repaired === null ? unlike : chosen) {
    const line = lineOf(ofPatient('mirror', one));
    if (work.repaired === null) found.add({ ...line, message: 'Would be written again.' });
    else found.add({ ...line, what: 'written mirror', message: 'It was written again.' });
  }
}

const INDEXED = {
  asked: 'It is being indexed again.',
  removed: 'It was taken out of the index.',
  settled: 'It was right by then.',
} as const;

async function index({ work, connection, found, begin }: Repair): Promise<void> {
  const { index: ports, remote } = work.storesOf(connection);
  // As the command: where the documents are on another machine, so is their index.
  if (ports === null || remote !== null) return;
  const { organizationId } = connection;
  const scope = { organizationId, signal: work.signal };
  for (const unlike of (await compareIndex(ports, { ...scope, patientUuid: null })).differences) {
    const difference = ofPatient('index', unlike);
    if (begin(difference)) {
      const result = await repairIndex(ports, scope, unlike);
      found.add({ ...lineOf(difference), what: result, message: INDEXED[result] });
    } else if (work.repaired === null) {
      const message = unlike.kind === 'surplus' ? 'Would be taken out of the index.' : 'Would be indexed again.';
      found.add({ ...lineOf(difference), message });
    }
  }
}

function ofContent({ kind, message, code, sha256, names }: BlobDifference): StoreDifference {
  const [name] = names;
  const document = name === undefined || name.role === 'group' ? null : name.document;
  const { reference = null, documentUuid = null } = document ?? {};
  return { store: 'blob', kind, message, unit: name?.patientUuid ?? null, reference, documentUuid, sha256, code };
}

function lineOf({ store, kind, ...line }: StoreDifference) {
  return { what: `${kind} ${store}`, ...line };
}
