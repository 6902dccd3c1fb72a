/** Connections that copy records: what a run would do (`plan`), and whether the copy agrees with the source (`verify`). */
import type { RecordMode } from '../domain/run.ts';
import { planRecords, type StreamPlan } from '../engine/records/plan-records.ts';
import type { RecordConnection } from '../runs/connections.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Output } from './output.ts';

interface RecordRequest {
  readonly output: Output;
  readonly connection: RecordConnection;
  readonly signal: AbortSignal;
}

export async function planRecordChanges(request: RecordRequest & { mode: RecordMode }): Promise<ExitCode> {
  const { output } = request;
  const plans = await look(request, request.mode);
  const sum = sumOf(plans);
  const files = await filesToBring(request.connection);
  output.emit('plan', { lists: plans, ...sum, ...files });
  sayFiles(output, files);
  output.say(
    `Would add ${sum.added}, update ${sum.updated}; ${sum.same} unchanged. ${absenceOf(plans)} Nothing was changed.`,
  );
  return EXIT.done;
}

export async function verifyRecords(request: RecordRequest): Promise<ExitCode> {
  const { output } = request;
  const plans = await look(request, 'comprehensive');
  const sum = sumOf(plans);
  const files = await filesToBring(request.connection);
  const differences = sum.added + sum.updated + sum.absent + (files.attachmentsWithoutDocument ?? 0);
  const complete = plans.every((plan) => plan.complete);
  output.emit('verified', { lists: plans, differences, complete, ...files });
  sayFiles(output, files);
  output.say(
    differences === 0
      ? `${sum.same} records agree with the source: no difference.`
      : `${sum.same} records agree with the source; ${sum.added} are not stored, ${sum.updated} differ, ${sum.absent} are no longer in the source.`,
  );
  if (!complete) output.say('Some lists changed while they were read, so nothing is said about what they lack.');
  return differences === 0 && complete ? EXIT.done : EXIT.partial;
}

interface Files {
  /** Stored attachments whose document is not there, or not as the source has it. Absent: the connection copies no files. */
  readonly attachmentsWithoutDocument?: number;
}

async function filesToBring({ ports, settings }: RecordConnection): Promise<Files> {
  if (ports.attachments === null) return {};
  return { attachmentsWithoutDocument: await ports.attachments.wanted.countWanted(settings) };
}

function sayFiles(output: Output, { attachmentsWithoutDocument: count }: Files): void {
  if (count !== undefined && count > 0)
    output.say(`${count} attachments that are known already are still to be brought as documents.`);
}

async function look(request: RecordRequest, mode: RecordMode): Promise<readonly StreamPlan[]> {
  const { output, connection, signal } = request;
  const { ports, settings } = connection;
  const plans = await planRecords(ports, settings, { mode, signal }, (difference) =>
    output.emit('difference', difference),
  );
  output.table(
    ['list', 'not stored', 'changed', 'unchanged', 'gone'],
    plans.map((plan) => [
      plan.stream.replaceAll('_', ' '),
      String(plan.added),
      String(plan.updated),
      String(plan.same),
      plan.complete ? String(plan.absent) : '–',
    ]),
  );
  return plans;
}

function sumOf(plans: readonly StreamPlan[]) {
  const sum = { added: 0, updated: 0, same: 0, absent: 0 };
  for (const plan of plans) {
    sum.added += plan.added;
    sum.updated += plan.updated;
    sum.same += plan.same;
    sum.absent += plan.absent;
  }
  return sum;
}

function absenceOf(plans: readonly StreamPlan[]): string {
  const { absent } = sumOf(plans);
  if (plans.every((plan) => !plan.complete)) return 'What is gone shows only in a comprehensive read.';
  return `${absent} are gone from the source: each would be asked for once more, then removed, or held by the guard.`;
}
