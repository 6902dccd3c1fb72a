/** Contents that the blob store has lost or damaged: what the commands say and do about them. */
import type { Chartsync } from '../main.ts';
import {
  type BlobComparePorts,
  type BlobComparison,
  type BlobDifference,
  type BlobScope,
  compareBlobs,
} from '../runs/compare-blobs.ts';
import { type FileConnection, isFileConnection } from '../runs/connections.ts';
import {
  type BlobDeed,
  type BlobRepair,
  createBlobRepair,
  deedOf,
  inRepairOrder,
  type WhyLeft,
  workOnWhatIsBack,
} from '../runs/repair-blobs.ts';
import type { Surroundings } from './context.ts';
import type { Output } from './output.ts';
import { auditedCommand } from './person.ts';

const DEEDS: Readonly<Record<BlobDeed, string>> = {
  copy: 'read the file from the share again, if it still has this content',
  read: 'have the document read again',
  merge: 'have the PDF of the group made again',
  bring: 'nothing: bring the content again, as by POST /api/process',
  forget: 'nobody needs it: note that it is gone',
};

const NONE = 'No blob is lost or damaged.';

export function lookAtBlobs(chartsync: Chartsync, scope: BlobScope): Promise<BlobComparison> {
  return compareBlobs(portsOf(chartsync), scope);
}

export function tellBlobs(
  output: Output,
  chartsync: Chartsync,
  { organizationId }: BlobScope,
  differences: readonly BlobDifference[],
): void {
  const connections = shareConnections(chartsync, organizationId);
  const planned = inRepairOrder(connections, differences).map((difference) => ({
    difference,
    deed: deedOf(connections, difference),
  }));
  for (const { difference, deed } of planned) output.emit('difference', { ...blobDifference(difference), deed });
  output.table(
    ['difference', 'patient', 'item', 'what would be done'],
    planned.map(({ difference, deed }) => [...cellsOf(difference), DEEDS[deed]]),
  );
  output.say(planned.length === 0 ? NONE : `${planned.length} blobs are lost or damaged.`);
}

/** @returns how many are left as they were */
export async function repairBlobs(work: {
  readonly chartsync: Chartsync;
  readonly env: Surroundings['env'];
  readonly output: Output;
  readonly scope: BlobScope;
  readonly differences: readonly BlobDifference[];
}): Promise<number> {
  const { chartsync, env, output, scope, differences } = work;
  if (differences.length === 0) {
    output.say(NONE);
    await workAgain(chartsync, output, scope);
    return 0;
  }
  const { organizationId } = scope;
  const connections = shareConnections(chartsync, organizationId);
  const { desk, patients } = chartsync;
  const repair = createBlobRepair({ ...portsOf(chartsync), desk, patients, connections }, scope);
  const counts: Record<BlobRepair['result'], number> = { copied: 0, asked: 0, forgotten: 0, settled: 0, left: 0 };
  const left: { readonly difference: BlobDifference; readonly why: WhyLeft }[] = [];
  const deed = {
    organizationId,
    action: 'blobs.repair',
    ...(scope.patientUuid === null ? {} : { subject: { kind: 'patient', id: scope.patientUuid } }),
    details: { differences: differences.length },
  };
  await auditedCommand(
    chartsync,
    env,
    deed,
    async () => {
      for (const difference of inRepairOrder(connections, differences)) {
        const done = await repair(difference);
        counts[done.result]++;
        if (done.result === 'left') left.push({ difference, why: done.why });
        output.emit('repaired', { ...blobDifference(difference), ...done });
      }
    },
    () => ({ details: counts }),
  );
  await workAgain(chartsync, output, scope);
  output.table(
    ['left', 'patient', 'item', 'why'],
    left.map(({ difference, why }) => [...cellsOf(difference), why.message]),
  );
  output.say(
    `${differences.length} blobs: ${counts.copied} copied from the share again, ${counts.asked} are made again by the service, ` +
      `${counts.settled + counts.forgotten} were right by then or nobody needs them, ${counts.left} are left.`,
  );
  return counts.left;
}

async function workAgain(chartsync: Chartsync, output: Output, scope: BlobScope): Promise<void> {
  const documents = await workOnWhatIsBack(portsOf(chartsync), scope);
  if (documents > 0) output.say(`${documents} documents whose content is back are worked on by the service.`);
}

function portsOf({ records, blobs, contentNames }: Chartsync): BlobComparePorts {
  return { records, blobs, names: contentNames };
}

function shareConnections(chartsync: Chartsync, organizationId: string): readonly FileConnection[] {
  return chartsync.connections.filter(isFileConnection).filter((it) => it.organizationId === organizationId);
}

/** In the shape of the differences between the other stores. */
function blobDifference({ kind, message, code, sha256, names }: BlobDifference) {
  const [name] = names;
  const document = name === undefined || name.role === 'group' ? null : name.document;
  const reference = document?.reference ?? null;
  const documentUuid = document?.documentUuid ?? null;
  return { store: 'blob', kind, message, unit: name?.patientUuid ?? null, reference, documentUuid, sha256, code };
}

function cellsOf(difference: BlobDifference): [difference: string, patient: string, item: string] {
  const { kind, unit, reference, documentUuid, sha256 } = blobDifference(difference);
  return [`${kind} blob`, unit ?? '', reference ?? documentUuid ?? sha256];
}
