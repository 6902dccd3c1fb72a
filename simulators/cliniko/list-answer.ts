/** A page of a list as the API answers it, with the links to its neighbours. */
import type { Answer } from './answer.ts';
import type { Call } from './call.ts';
import type { AnswerFault } from './faults.ts';
import { pageNumber, type Scope } from './lists.ts';
import type { Resource } from './resources.ts';

export function listAnswer(call: Call, resource: Resource, scope: Scope | null, fault: AnswerFault | null): Answer {
  const { view, query } = call;
  const asked = pageNumber(query);
  const same = fault?.kind === 'same-page' && asked > (fault.page ?? 1) ? (fault.page ?? 1) : asked;
  const page = call.account.lists.page(resource, scope, query, same);
  const rows = page.rows.map((record) => resource.render(record, view));
  const lastPage = Math.max(1, Math.ceil(page.total / page.size));
  const here = linkTo(call, view.url, page.number);
  const links: Record<string, string> = { self: here };
  if (page.number > 1 && page.number - 1 <= lastPage) links.previous = linkTo(call, view.url, page.number - 1);
  if (page.number < lastPage) links.next = linkTo(call, view.url, page.number + 1);
  switch (fault?.kind) {
    case 'foreign-next':
      links.next = linkTo(call, `${view.faults.foreignOrigin}/v1`, page.number + 1);
      break;
    case 'self-next':
      links.next = here;
      break;
    case 'short':
      rows.pop();
      break;
    case 'duplicate':
      if (rows.length > 1) rows[rows.length - 1] = rows[0]!;
      break;
    case 'empty':
      rows.length = 0;
      delete links.next;
      break;
    default:
  }
  const json: Record<string, unknown> = { [view.faults.listKey ?? resource.name]: rows };
  if (!view.faults.omitTotalEntries) json.total_entries = page.total;
  json.links = links;
  return { status: 200, json };
}

export function linkTo({ segments, query }: Call, url: string, page: number): string {
  const parameters = new URLSearchParams(query);
  parameters.set('page', String(page));
  return `${url}/${segments.join('/')}?${parameters}`;
}
