/** Everything a command prints: for people on a terminal, or one JSON text per line with `--json`. */
import Table from 'cli-table3';
import type { SyncError } from '../domain/errors.ts';

export interface Output {
  readonly json: boolean;
  /** A terminal that can redraw a line. */
  readonly interactive: boolean;
  /** For people only. */
  say(text: string): void;
  /** For programs only: a line with a `type`. */
  emit(type: string, value: object): void;
  /** Nothing when there are no rows: the command says a sentence instead. */
  table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void;
  /** On standard error, in both forms. */
  error(failure: Pick<SyncError, 'code' | 'message' | 'remedy'>, subject?: string): void;
}

export interface Streams {
  readonly out: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly err: { write(text: string): unknown };
}

export function createOutput(options: { json: boolean; streams: Streams }): Output {
  const { out, err } = options.streams;
  const interactive = !options.json && out.isTTY === true;
  return {
    json: options.json,
    interactive,
    say(text) {
      if (!options.json) out.write(`${text}\n`);
    },
    emit(type, value) {
      if (options.json) out.write(`${JSON.stringify({ type, ...value })}\n`);
    },
    table(head, rows) {
      if (options.json || rows.length === 0) return;
      const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
      for (const row of rows) table.push(row.map((cell) => printable(String(cell))));
      out.write(`${table.toString()}\n`);
    },
    error(failure, subject) {
      if (options.json) {
        err.write(
          `${JSON.stringify({ type: 'error', ...(subject === undefined ? {} : { subject }), code: failure.code, message: failure.message, remedy: failure.remedy })}\n`,
        );
        return;
      }
      err.write(
        `${subject === undefined ? '' : `${subject}: `}${failure.message} [${failure.code}]\n  ${failure.remedy}\n`,
      );
    },
  };
}

/** A file name may hold control characters that would move the cursor or change the terminal. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 90) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 90) return `${minutes} min ${Math.round(seconds - minutes * 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = n;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
