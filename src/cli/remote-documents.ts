/** What the commands about documents and tables on other machines have in common. */
import type { MirrorLag } from '../ports/table-mirror.ts';
import type { RemoteDifference } from '../runs/compare-remote.ts';
import type { MirrorDifference } from '../runs/mirror-tables.ts';
import type { Output } from './output.ts';

/** In the shape of the differences between the other stores. */
export function remoteDifference({ kind, message, patientUuid, reference, documentUuid }: RemoteDifference) {
  return { store: 'remote', kind, message, unit: patientUuid, reference, documentUuid, sha256: null, code: null };
}

/** Said wherever the mirror is the matter: nobody should find out from a question mark. */
export function sayMirrorLacks(output: Pick<Output, 'say'>, connectionId: string, lag: MirrorLag): void {
  if (!lag.lacksCharacters) return;
  output.say(
    `The mirrored tables of ${connectionId} have "?" for characters that their columns cannot hold. Once these are utf8mb4, ` +
      'everything is written there again: see docs/documents.md.',
  );
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
