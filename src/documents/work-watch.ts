/** Looks at a worker while it has a document, and tells when that takes more than it may. */
import type { DocumentLimits } from '../ports/document-content.ts';
import { DRAWING_LIMITS } from './limits.ts';
import { processorMs, residentBytes } from './process-usage.ts';

/** A document that inflates fills about fifty megabytes in this time. */
const LOOK_MS = 25;
/** Processor time is not so urgent; in looks. */
const PROCESSOR_EVERY = 8;

const MEBIBYTE = 1024 * 1024;

export interface WorkWatch {
  /** The most that was seen, in bytes. */
  readonly peakBytes: number;
  /** All but the picture of the first page is there: what is left may take less than what there was. */
  drawing(): void;
  stop(): void;
}

/** @param exceeded may be called several times */
export function watchWork(
  pid: number,
  limits: DocumentLimits,
  exceeded: (code: 'document_memory' | 'document_timeout', detail: string) => void,
): WorkWatch {
  const begun = processorMs(pid) ?? 0;
  const endsAt = Date.now() + limits.timeMs;
  let peakBytes = 0;
  let looks = 0;
  let allowedMs = limits.processorMs;
  let timer = setTimeout(outOfTime, limits.timeMs);

  function outOfTime(): void {
    exceeded('document_timeout', `The limit is ${seconds(limits.timeMs)}.`);
  }

  function usedMs(): number {
    return (processorMs(pid) ?? begun) - begun;
  }

  const watchdog = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytes(pid) ?? 0);
    if (peakBytes > limits.memoryBytes) exceeded('document_memory', memoryLimit(limits));
    if (++looks % PROCESSOR_EVERY === 0 && usedMs() > allowedMs) {
      exceeded('document_timeout', `The limit is ${seconds(limits.processorMs)} of processor time.`);
    }
  }, LOOK_MS);

  return {
    get peakBytes() {
      return peakBytes;
    },
    drawing() {
      allowedMs = Math.min(allowedMs, usedMs() + DRAWING_LIMITS.processorMs);
      clearTimeout(timer);
      timer = setTimeout(outOfTime, Math.min(endsAt - Date.now(), DRAWING_LIMITS.timeMs));
    },
    stop() {
      clearTimeout(timer);
      clearInterval(watchdog);
    },
  };
}

export function memoryLimit({ memoryBytes }: Pick<DocumentLimits, 'memoryBytes'>): string {
  return `The limit is ${Math.round(memoryBytes / MEBIBYTE)} MiB.`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
