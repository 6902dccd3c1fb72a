/** One line of a spool or plan file. */
import type { AbsenceKind } from '../../domain/change-set.ts';
import type { StoredDocument } from '../../ports/document-records.ts';
import type { SourceFile } from '../../ports/ehr-database.ts';

export type ItemLine =
  | { readonly kind: 'add'; readonly item: SourceFile }
  | { readonly kind: 'update' | 'inspect'; readonly item: SourceFile; readonly stored: StoredDocument };

export type ChangeLine =
  | ItemLine
  | { readonly kind: 'absent'; readonly absence: AbsenceKind; readonly stored: StoredDocument }
  /** Missed before and back again, or kept by a person and back again. */
  | { readonly kind: 'back'; readonly stored: StoredDocument };

export function unitOf(line: ChangeLine): string {
  return 'item' in line ? line.item.unit : line.stored.unit;
}

export function writeLine(line: ChangeLine): string {
  return JSON.stringify(line);
}

export function readLine(text: string): ChangeLine {
  return JSON.parse(text) as ChangeLine;
}
