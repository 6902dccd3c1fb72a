/** What the commands about documents and tables on other machines have in common. */
import type { Chartsync } from '../main.ts';
import type { RemoteDifference, RemotePorts } from '../runs/compare-remote.ts';
import type { FileConnection } from '../runs/connections.ts';
import type { MirrorDifference } from '../runs/mirror-tables.ts';

/** Null: the documents of the connection are for this machine. */
export function remotePortsOf(chartsync: Chartsync, connection: FileConnection): RemotePorts | null {
  const target = chartsync.remotes.get(`${connection.organizationId}/${connection.id}`);
  if (target === undefined) return null;
  const { records, deliveries, desk } = chartsync;
  return { records, deliveries, desk, remote: target.remote, hashesDiffer: target.send === 'pdf' };
}

/** In the shape of the differences between the other stores. */
export function remoteDifference({ kind, message, patientUuid, reference, documentUuid }: RemoteDifference) {
  return { store: 'remote', kind, message, unit: patientUuid, reference, documentUuid, sha256: null, code: null };
}

export function mirrorDifference({ kind, message, patientUuid, documentUuid }: MirrorDifference) {
  return {
    store: 'mirror',
    kind,
    message,
    unit: patientUuid,
    reference: null,
    documentUuid,
    sha256: null,
    code: null,
  };
}
