/** How long the pages of a document may be recognised: what is read by then is kept, and the rest of the document is read. */
import type { DocumentLimits } from '../ports/document-content.ts';
import { processorMs } from './process-usage.ts';

/** Of what the whole document is given. A worker that takes all of it is killed, and nothing of the document is left. */
export const OCR_SHARE = 0.6;
const LOOK_MS = 200;

export interface OcrTime {
  isUp(): boolean;
  /** For one page. Its signal ends what is at work when the time is up. */
  watch(): { readonly signal: AbortSignal; stop(): void };
}

/** Begins with the document: what its conversion took counts. */
export function startOcrTime(limits: DocumentLimits): OcrTime {
  const begun = processorMs(process.pid);
  const endsAt = Date.now() + limits.timeMs * OCR_SHARE;

  function isUp(): boolean {
    if (Date.now() >= endsAt) return true;
    return begun !== null && (processorMs(process.pid) ?? begun) - begun >= limits.processorMs * OCR_SHARE;
  }

  return {
    isUp,
    watch() {
      const ended = new AbortController();
      const timer = setInterval(() => {
        if (isUp()) ended.abort();
      }, LOOK_MS);
      return { signal: ended.signal, stop: () => clearInterval(timer) };
    },
  };
}
