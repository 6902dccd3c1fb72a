/** Collects what an inspection finds: all of it counted, the first of each kind listed. */
import { ERROR_CATALOGUE } from '../domain/errors.ts';
import type { InspectionLine, InspectionResult } from '../domain/inspection.ts';

/** A person reads the first; a program asks the command line, which tells all. */
const LISTED = 200;

export interface Findings {
  /** @param listed as how it is counted, when that is not `what` */
  add(line: Pick<InspectionLine, 'what'> & Partial<InspectionLine>): void;
  count(name: string, value: number): void;
  result(more?: Partial<Pick<InspectionResult, 'complete' | 'held' | 'checksums'>>): InspectionResult;
}

export function createFindings(): Findings {
  const counts: Record<string, number> = {};
  const lines: InspectionLine[] = [];
  return {
    add(line) {
      const seen = counts[line.what] ?? 0;
      counts[line.what] = seen + 1;
      if (seen >= LISTED) return;
      const remedy = line.code == null ? null : ERROR_CATALOGUE[line.code].remedy;
      const nothing = { unit: null, reference: null, documentUuid: null, sha256: null, message: null, code: null };
      lines.push({ ...nothing, remedy, ...line });
    },
    count(name, value) {
      counts[name] = value;
    },
    result: (more) => ({ counts, lines, complete: true, held: null, checksums: {}, ...more }),
  };
}
