/**
 * Logs of the service. Only fields of an allow-list are ever written: redaction by path leaks whatever it did not foresee,
 * and this system's data are patients'.
 */
import pino, { type Logger, type LoggerOptions as PinoOptions } from 'pino';

type Hook = NonNullable<NonNullable<PinoOptions['hooks']>['logMethod']>;

const WARN = 40;
const REFUSED = 'database_unavailable';

const ALLOWED = new Set([
  'organization',
  'connection',
  'run',
  'state',
  'outcome',
  'counts',
  'code',
  'ms',
  'reqId',
  'err',
  'step',
]);

export interface LoggerOptions {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  /** Hears of each warning that the record database refuses, which is not written: somebody else tells when that begins and ends. */
  readonly onRefusal: () => void;
}

export function createLogger({ level, onRefusal }: LoggerOptions): Logger {
  return pino(
    {
      level,
      hooks: { logMethod: tellOnce(onRefusal, level === 'debug') },
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => Object.fromEntries(Object.entries(fields).filter(([key]) => ALLOWED.has(key))),
      },
      serializers: {
        // A driver's message may quote data: the kind of error is enough.
        err: (error: unknown) => (error instanceof Error ? error.name : typeof error === 'string' ? error : undefined),
      },
    },
    pino.destination({ dest: 2, sync: false }),
  );
}

/** @param always write each of them all the same */
function tellOnce(onRefusal: () => void, always: boolean): Hook {
  return function (entry, method, level) {
    const [fields] = entry as readonly unknown[];
    if (level >= WARN && isRefusal(fields)) {
      onRefusal();
      if (!always) return;
    }
    method.apply(this, entry);
  };
}

/** What says how the database is has a state. */
function isRefusal(fields: unknown): boolean {
  if (typeof fields !== 'object' || fields === null) return false;
  const { code, state } = fields as { readonly code?: unknown; readonly state?: unknown };
  return code === REFUSED && state === undefined;
}
