/**
 * Logs of the service. Only fields of an allow-list are ever written: redaction by path leaks whatever it did not foresee,
 * and this system's data are patients'.
 */
import pino, { type Logger } from 'pino';

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

export function createLogger(level: 'error' | 'warn' | 'info' | 'debug'): Logger {
  return pino(
    {
      level,
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
