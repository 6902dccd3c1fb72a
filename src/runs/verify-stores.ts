/**
 * Compares the source of files with everything that was made of it: records, contents, search index, the document service on
 * another machine, and the tables that are mirrored. What the command and the pages call a verification. Changes nothing, but that
 * mirrored tables are first brought up to date.
 */
import { type Difference, type VerifyResult, verifyFiles } from '../engine/files/verify-files.ts';
import type { MirrorRecords } from '../ports/table-mirror.ts';
import { compareIndex, type IndexComparison, type IndexPorts } from './compare-index.ts';
import { compareRemote, type RemoteComparison, type RemotePorts } from './compare-remote.ts';
import type { FileConnection } from './connections.ts';
import { compareMirror, type Mirror } from './mirror-tables.ts';

/** Of a connection that copies files; null: it has no such store. */
export interface StorePorts {
  readonly index: IndexPorts | null;
  readonly remote: RemotePorts | null;
  readonly mirror: { readonly records: MirrorRecords; readonly mirror: Mirror } | null;
}

export interface StoreDifference extends Omit<Difference, 'store'> {
  readonly store: Difference['store'] | 'index' | 'remote' | 'mirror';
}

export interface StoresVerified extends Omit<VerifyResult, 'differences'> {
  /** Of all stores. */
  readonly differences: number;
  /** How many documents each has; null: there is no such store. */
  readonly indexed: number | null;
  readonly remote: number | null;
  /** Documents of the mirrored tables are compared one by one, and not counted. */
  readonly mirrored: boolean;
}

export interface StoresRequest {
  /** Null: every patient. */
  readonly unit: string | null;
  readonly content: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (checked: number) => void;
}

export async function verifyStores(
  { settings, ports, organizationId }: FileConnection,
  stores: StorePorts,
  request: StoresRequest,
  report: (difference: StoreDifference) => void,
): Promise<StoresVerified> {
  const { unit, content, signal, onProgress } = request;
  let differences = 0;
  const tell = (difference: StoreDifference) => {
    differences++;
    report(difference);
  };
  const files = await verifyFiles(
    ports,
    settings,
    { content, signal, ...(unit === null ? {} : { unit }), ...(onProgress === undefined ? {} : { onProgress }) },
    tell,
  );
  let index: IndexComparison | null = null;
  if (stores.index !== null) {
    index = await compareIndex(stores.index, { organizationId, patientUuid: unit, signal });
    for (const difference of index.differences) tell(ofPatient('index', difference));
  }
  let remote: RemoteComparison | null = null;
  if (stores.remote !== null) {
    remote = await compareRemote(stores.remote, { key: settings, unit, signal });
    for (const difference of remote.differences) tell(ofPatient('remote', difference));
  }
  if (stores.mirror !== null) {
    const { records, mirror } = stores.mirror;
    for (const difference of await compareMirror(records, mirror, signal)) tell(ofPatient('mirror', difference));
  }
  return {
    ...files,
    differences,
    indexed: index?.entries ?? null,
    remote: remote?.documents ?? null,
    mirrored: stores.mirror !== null,
  };
}

interface PatientDifference extends Pick<StoreDifference, 'kind' | 'message'> {
  readonly patientUuid: string;
  readonly documentUuid: string | null;
  readonly reference?: string | null;
}

/** In the shape of the differences between source, records and contents. */
export function ofPatient(store: 'index' | 'remote' | 'mirror', difference: PatientDifference): StoreDifference {
  const { kind, message, patientUuid, documentUuid, reference = null } = difference;
  return { store, kind, message, unit: patientUuid, reference, documentUuid, sha256: null, code: null };
}
