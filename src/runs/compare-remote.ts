/** Compares the documents of a connection with what the document service on another machine says it has. Changes nothing. */
import type { Delivery, DocumentDeliveries, WantedDelivery } from '../ports/document-deliveries.ts';
import type { DocumentDesk } from '../ports/document-desk.ts';
import type { ConnectionKey } from '../ports/document-records.ts';
import type { RemoteDocuments, RemoteState } from '../ports/remote-documents.ts';

export interface RemoteDifference {
  readonly kind: 'missing' | 'surplus' | 'different';
  readonly patientUuid: string;
  /** Null: the other service only counts. */
  readonly reference: string | null;
  readonly documentUuid: string | null;
  /** A sentence without personal data. */
  readonly message: string;
}

export interface RemoteComparison {
  /** Documents that the other service says it has of the patients that were compared. */
  readonly documents: number;
  readonly differences: readonly RemoteDifference[];
}

export interface RemotePorts {
  readonly deliveries: DocumentDeliveries;
  readonly desk: DocumentDesk;
  readonly remote: RemoteDocuments;
  /** What is sent is the PDF of a document: its hash there is another one. */
  readonly hashesDiffer: boolean;
}

const MESSAGES = {
  missing: 'The document service on the other machine does not have the document.',
  surplus: 'The document service on the other machine has a document that is not here.',
  different: 'The document service on the other machine has another content of the document.',
  unnamed:
    'The document was removed here, and the document service on the other machine does not tell whether it has it.',
} as const;

export async function compareRemote(
  ports: RemotePorts,
  scope: { readonly key: ConnectionKey; readonly unit: string | null; readonly signal: AbortSignal },
): Promise<RemoteComparison> {
  const differences: RemoteDifference[] = [];
  let documents = 0;
  let patient: string | null = null;
  let own: WantedDelivery[] = [];
  const seen = new Set<string>();
  const end = async () => {
    if (patient === null) return;
    seen.add(patient);
    const state = await ports.remote.state(patient, scope.signal);
    documents += state.references?.size ?? state.documents ?? 0;
    differences.push(...(await comparePatient(ports, scope, patient, own, state)));
  };
  for await (const wanted of ports.deliveries.wanted(scope.key, scope.unit, scope.signal)) {
    if (wanted.patientUuid !== patient) {
      await end();
      patient = wanted.patientUuid;
      own = [];
    }
    own.push(wanted);
  }
  await end();
  // Patients whose last document was removed here: the other service may still have it.
  const left = new Set<string>();
  const unnamed: Delivery[] = [];
  for await (const delivery of ports.deliveries.list(scope.key, scope.unit, scope.signal)) {
    if (!seen.has(delivery.patientUuid)) left.add(delivery.patientUuid);
    if (delivery.remoteUuid === null) unnamed.push(delivery);
  }
  for (const patientUuid of left) {
    const state = await ports.remote.state(patientUuid, scope.signal);
    documents += state.references?.size ?? state.documents ?? 0;
    differences.push(...(await comparePatient(ports, scope, patientUuid, [], state)));
  }
  for (const [patientUuid, ofPatient] of Map.groupBy(unnamed, (delivery) => delivery.patientUuid)) {
    differences.push(...(await unknownRemovals(ports, scope, patientUuid, ofPatient)));
  }
  return { documents, differences };
}

/** Removals that ended without an answer: a person has to look. */
async function unknownRemovals(
  ports: RemotePorts,
  scope: { readonly key: ConnectionKey; readonly signal: AbortSignal },
  patientUuid: string,
  unnamed: readonly Delivery[],
): Promise<RemoteDifference[]> {
  const state = await ports.remote.state(patientUuid, scope.signal);
  if (state.references !== null || state.documents === 0) return [];
  const wanted = new Set<string>();
  for await (const { reference } of ports.deliveries.wanted(scope.key, patientUuid, scope.signal))
    wanted.add(reference);
  const open = await openOf(ports, scope, patientUuid);
  return unnamed
    .filter(({ reference, documentUuid }) => !wanted.has(reference) && !open.has(documentUuid.toLowerCase()))
    .map(({ reference, documentUuid }) => ({
      kind: 'surplus' as const,
      patientUuid,
      reference,
      documentUuid,
      message: MESSAGES.unnamed,
    }));
}

async function openOf(
  { desk }: RemotePorts,
  { key, signal }: { readonly key: ConnectionKey; readonly signal: AbortSignal },
  patientUuid: string,
): Promise<ReadonlySet<string>> {
  const open = new Set<string>();
  for await (const expectation of desk.expectations(key.organizationId, patientUuid, signal)) {
    if (expectation.open) open.add(expectation.documentUuid);
  }
  return open;
}

async function comparePatient(
  ports: RemotePorts,
  scope: { readonly key: ConnectionKey; readonly signal: AbortSignal },
  patientUuid: string,
  own: readonly WantedDelivery[],
  state: RemoteState,
): Promise<RemoteDifference[]> {
  const open = await openOf(ports, scope, patientUuid);
  const settled = own.filter((document) => !open.has(document.documentUuid.toLowerCase()));
  const difference = (
    kind: RemoteDifference['kind'],
    document: { reference?: string; documentUuid?: string },
  ): RemoteDifference => ({
    kind,
    patientUuid,
    reference: document.reference ?? null,
    documentUuid: document.documentUuid ?? null,
    message: MESSAGES[kind],
  });
  if (state.references === null) {
    if (state.documents === null || state.documents >= settled.length) return [];
    const message = `It has ${state.documents} documents of the patient, ${settled.length} were sent.`;
    return [{ ...difference('missing', {}), message }];
  }
  const found: RemoteDifference[] = [];
  for (const document of settled) {
    const there = state.references.get(document.reference.toLowerCase());
    if (there === undefined) found.push(difference('missing', document));
    else if (!ports.hashesDiffer && there.sha256 !== null && there.sha256 !== document.sha256) {
      found.push(difference('different', document));
    }
  }
  const references = new Set(own.map((document) => document.reference.toLowerCase()));
  for (const reference of state.references.keys()) {
    if (!references.has(reference) && open.size === 0) found.push(difference('surplus', { reference }));
  }
  return found;
}

/** Has the service send again what is missing or different. What is surplus may have come from somebody else: a person looks. */
export async function repairRemote(
  ports: RemotePorts,
  key: ConnectionKey,
  difference: RemoteDifference,
): Promise<'asked' | 'left'> {
  const { kind, patientUuid, reference, documentUuid } = difference;
  if (reference === null || documentUuid === null) return 'left';
  // A removal without an answer is tried once more.
  if (kind !== 'surplus') await ports.deliveries.forget(key, { patientUuid, reference });
  return (await ports.desk.askAgain(key.organizationId, documentUuid)) ? 'asked' : 'left';
}
