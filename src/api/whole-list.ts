/** Answers with a whole list, for clients that know of no pages: read and sent page by page, so that any length fits in memory. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Page } from '../ports/clinic-reports.ts';

/** Items that are read at once. */
const PIECE = 1000;

export interface WholeList<T> {
  /** The other fields of the answer; at least one. */
  readonly head: Readonly<Record<string, unknown>>;
  readonly name: string;
  read(page: { readonly limit: number; readonly after: readonly string[] | null }): Promise<Page<T>>;
  answer(item: T): unknown;
}

/** What fails before the first byte is refused as usual; later the answer breaks off, and is no JSON. */
export async function sendWholeList<T>(reply: FastifyReply, list: WholeList<T>): Promise<FastifyReply> {
  const first = await list.read({ limit: PIECE, after: null });
  return reply.type('application/json; charset=utf-8').send(Readable.from(textOf(list, first), { highWaterMark: 1 }));
}

async function* textOf<T>(list: WholeList<T>, first: Page<T>): AsyncGenerator<string> {
  yield `${JSON.stringify(list.head).slice(0, -1)},${JSON.stringify(list.name)}:[`;
  let comma = '';
  for (let page = first; ; ) {
    if (page.items.length > 0) {
      yield comma + page.items.map((item) => JSON.stringify(list.answer(item))).join(',');
      comma = ',';
    }
    if (page.next === null) break;
    page = await list.read({ limit: PIECE, after: page.next });
  }
  yield ']}';
}
