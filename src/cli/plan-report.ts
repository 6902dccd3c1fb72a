/** Makes a plan and tells it: the whole of `plan`, and of `sync --dry-run`. */
import type { FileMode, RecordMode } from '../domain/run.ts';
import type { ChangeLine } from '../engine/files/change-line.ts';
import { planFiles } from '../engine/files/plan-files.ts';
import { guard } from '../engine/guard.ts';
import { type Connection, type FileConnection, isBookConnection, isFileConnection } from '../runs/connections.ts';
import { checkMode, hasPlan, modeFor } from '../runs/modes.ts';
import { planBookChanges } from './book-report.ts';
import { UsageError } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Output } from './output.ts';
import { createPlanFile } from './plan-file.ts';
import { planRecordChanges } from './record-report.ts';

/** So many changes are listed for people; the file and `--json` have all. */
const LISTED = 50;

interface PlanRequest {
  readonly output: Output;
  readonly connection: Connection;
  readonly signal: AbortSignal;
  /** Null: the usual one of the connection's kind. */
  readonly mode: string | null;
  readonly unit: string | null;
  readonly out: string | null;
}

export function planAndReport(options: PlanRequest): Promise<ExitCode> {
  const { connection, unit, out } = options;
  const mode = options.mode === null ? modeFor(connection, 'changes') : checkMode(connection, options.mode);
  if (isFileConnection(connection)) return planFileChanges({ ...options, connection, mode: mode as FileMode });
  if (out !== null)
    throw new UsageError('--out is for connections that copy files: what changes here, a run finds itself.');
  if (unit !== null) throw new UsageError('--patient is for connections that copy files.');
  if (!hasPlan(mode)) throw new UsageError('There is a plan for the calendar only, not for consultations.');
  if (isBookConnection(connection)) return planBookChanges({ ...options, connection });
  return planRecordChanges({ ...options, connection, mode: mode as RecordMode });
}

async function planFileChanges(
  options: Omit<PlanRequest, 'connection' | 'mode'> & { connection: FileConnection; mode: FileMode },
): Promise<ExitCode> {
  const { output, connection, signal, mode, unit, out } = options;
  const rows: string[][] = [];
  const file = out === null ? null : await createPlanFile(out);
  const summary = await planFiles(
    connection.ports,
    connection.settings,
    { mode, signal, ...(unit === null ? {} : { unit }) },
    (line) => file?.write(line),
    (change) => {
      const row = rowOf(change);
      if (row === null) return;
      output.emit('change', { change: row[0], patient: row[1], reference: row[2], path: row[3] });
      if (rows.length < LISTED) rows.push(row);
    },
  ).then(
    async (planned) => {
      await file?.end();
      return planned;
    },
    async (error) => {
      await file?.discard();
      throw error;
    },
  );
  const { footer } = summary;
  const total = footer.changes.add + footer.changes.update + footer.changes.inspect + footer.changes.absent;
  if (rows.length > 0) output.table(['change', 'patient', 'reference', 'path'], rows);
  if (total > rows.length) output.say(`… and ${total - rows.length} more.`);
  // Of one patient there is no complete read to weigh it against.
  const before = unit === null ? await connection.ports.runs.lastCompleteRead(connection.settings) : null;
  const verdict = guard(
    {
      removals: summary.removals,
      stored: footer.compared.storedItems,
      inSource: footer.compared.liveItems,
      inSourceBefore: before?.itemsInSource ?? null,
    },
    connection.settings.guard,
  );
  output.emit('plan', {
    changes: footer.changes,
    removals: summary.removals,
    missingFirstTime: summary.firstMissed,
    same: footer.compared.same,
    orphanedFilesets: footer.orphans.length,
    guard: verdict,
    file: out,
  });
  output.say(
    `Would add ${footer.changes.add}, update or move ${footer.changes.update}, look at ${footer.changes.inspect}, ` +
      `remove ${summary.removals}; ${footer.compared.same} unchanged. Nothing was changed.`,
  );
  if (summary.firstMissed > 0) {
    output.say(
      `${summary.firstMissed} are missing for the first time: kept until the next complete read misses them too.`,
    );
  }
  if (verdict.verdict === 'hold') output.say(`The deletions would be held for approval: ${verdict.reason}`);
  if (out !== null) output.say(`Do exactly this with: chartsync apply-plan ${out}`);
  return EXIT.done;
}

function rowOf(change: ChangeLine): string[] | null {
  if (change.kind === 'back') return null;
  if (change.kind === 'absent') {
    return [`gone (${change.absence})`, change.stored.unit, change.stored.reference, change.stored.path ?? ''];
  }
  const moved = change.kind === 'update' && change.item.path !== change.stored.path;
  return [moved ? 'move or update' : change.kind, change.item.unit, change.item.reference, change.item.path ?? ''];
}
