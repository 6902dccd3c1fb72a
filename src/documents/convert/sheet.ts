/** Workbooks and CSV: the text of all rows, and a PDF of the first of each sheet. */
import { parse } from 'csv-parse/sync';
import readWorkbook, { type CellValue } from 'read-excel-file/node';
import type { DocumentWarning } from '../../ports/document-content.ts';
import type { Job } from '../job.ts';
import { Refusal } from '../refusal.ts';
import type { HtmlBlock } from '../rendition/html-blocks.ts';
import { decodeText } from '../text-encoding.ts';
import { csvDelimiter } from '../text-kind.ts';
import { checkZip } from '../zip-check.ts';
import type { Converted, Source } from './converter.ts';
import { setBlocks } from './set-blocks.ts';

/** Nobody pages through more: the rest is in the text of the page where the sheet breaks off. */
const RENDERED_ROWS = 2_000;
const MAX_COLUMNS = 512;
/** What stands on one page is cut to passages, and given to the index, at once. */
const UNSEEN_BYTES = 2 * 1024 * 1024;

interface Table {
  /** Of the sheet; null in a CSV file. */
  readonly name: string | null;
  /** Cells as text. Rows may be of different length. */
  readonly rows: readonly (readonly string[])[];
}

export async function convertWorkbook({ bytes, job }: Source): Promise<Converted> {
  await checkZip(bytes, job.limits.memoryBytes / 4);
  let sheets: { sheet: string; data: (CellValue | null)[][] }[];
  try {
    sheets = await readWorkbook(bytes);
  } catch {
    throw new Refusal('document_corrupt');
  }
  return setTables(
    sheets.map(({ sheet, data }) => ({ name: sheet, rows: data.map((row) => row.map(cellText)) })),
    job,
  );
}

export async function convertCsv({ bytes, job }: Source): Promise<Converted> {
  const text = decodeText(bytes);
  let rows: string[][];
  try {
    rows = parse(text, {
      delimiter: csvDelimiter(text, false) ?? ',',
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
    });
  } catch {
    throw new Refusal('document_corrupt');
  }
  return setTables([{ name: null, rows }], job);
}

async function setTables(tables: readonly Table[], job: Job): Promise<Converted> {
  const warnings = new Set<DocumentWarning>();
  const kept = withinLimits(tables, job.limits.textBytes, warnings);
  if (kept.every((table) => table.rows.length === 0)) throw new Refusal('document_empty');
  if (kept.some((table) => table.rows.length > RENDERED_ROWS)) warnings.add('rows_not_shown');
  return setBlocks(tableBlocks(kept), job, { landscape: true, warnings: [...warnings] });
}

/** Without empty rows and cells at the ends, which workbooks have by the thousand. */
function withinLimits(tables: readonly Table[], maxBytes: number, warnings: Set<DocumentWarning>): Table[] {
  let left = maxBytes;
  let unseen = UNSEEN_BYTES;
  return tables.map((table) => {
    const rows: string[][] = [];
    for (const row of table.rows) {
      const cells = row.slice(0, MAX_COLUMNS);
      if (row.slice(MAX_COLUMNS).some((cell) => cell !== '')) warnings.add('table_truncated');
      while (cells.at(-1) === '') cells.pop();
      if (cells.length === 0) continue;
      const size = cells.reduce((sum, cell) => sum + Buffer.byteLength(cell) + 1, 0);
      left -= size;
      const isUnseen = rows.length >= RENDERED_ROWS;
      if (isUnseen) unseen -= size;
      if (left < 0 || (isUnseen && unseen < 0)) {
        warnings.add('table_truncated');
        break;
      }
      rows.push(cells);
    }
    return { name: table.name, rows };
  });
}

function* tableBlocks(tables: readonly Table[]): Generator<HtmlBlock> {
  for (const { name, rows } of tables) {
    if (rows.length === 0) continue;
    if (name !== null) yield { kind: 'heading', level: 2, text: name };
    yield { kind: 'table', rows: rows.slice(0, RENDERED_ROWS) };
    if (rows.length > RENDERED_ROWS) {
      yield { kind: 'paragraph', text: `… ${rows.length - RENDERED_ROWS} more rows`, indent: 0 };
      yield { kind: 'unseen', rows: rows.slice(RENDERED_ROWS) };
    }
  }
}

function cellText(cell: CellValue | null): string {
  if (cell === null) return '';
  if (!(cell instanceof Date)) return String(cell);
  // A workbook knows no zone; the reader gives the time on its clock as UTC.
  const iso = Number.isNaN(cell.getTime()) ? '' : cell.toISOString();
  return iso.endsWith('T00:00:00.000Z') ? iso.slice(0, 10) : iso.slice(0, 16).replace('T', ' ');
}
