/** What the commands about documents and tables on other machines have in common. */
import type { RemoteDifference } from '../runs/compare-remote.ts';
import type { MirrorDifference } from '../runs/mirror-tables.ts';

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
