/** Connections that copy a clinic's calendar: what a run would do (`plan`), and whether the book agrees with it (`verify`). */
import { type BookPlan, planBook } from '../engine/schedule/plan-book.ts';
import type { BookConnection } from '../runs/connections.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Output } from './output.ts';

interface BookRequest {
  readonly output: Output;
  readonly connection: BookConnection;
  readonly signal: AbortSignal;
}

export async function planBookChanges(request: BookRequest): Promise<ExitCode> {
  const { output } = request;
  const plan = await look(request);
  output.emit('plan', plan);
  output.say(
    `${plan.from} to ${plan.to}: would add ${plan.added}, update ${plan.updated}, move ${plan.moved}; ${plan.same} unchanged. ` +
      `${plan.absent} are not shown any more: removed when every date was read, or held by the guard. Nothing was changed.`,
  );
  sayFailed(output, plan);
  return plan.failedDates.length === 0 ? EXIT.done : EXIT.partial;
}

export async function verifyBook(request: BookRequest): Promise<ExitCode> {
  const { output } = request;
  const plan = await look(request);
  const differences = plan.added + plan.updated + plan.moved + plan.absent;
  output.emit('verified', { ...plan, differences });
  output.say(
    differences === 0
      ? `${plan.same} appointments agree with the calendar: no difference.`
      : `${plan.same} appointments agree with the calendar; ${plan.added} are not stored, ${plan.updated + plan.moved} differ, ${plan.absent} are not shown any more.`,
  );
  sayFailed(output, plan);
  return differences === 0 && plan.failedDates.length === 0 ? EXIT.done : EXIT.partial;
}

function look({ output, connection, signal }: BookRequest): Promise<BookPlan> {
  return planBook(connection.ports, connection.settings, signal, (difference) => output.emit('difference', difference));
}

function sayFailed(output: Output, plan: BookPlan): void {
  if (plan.failedDates.length > 0) output.say(`Could not be read: ${plan.failedDates.join(', ')}.`);
}
