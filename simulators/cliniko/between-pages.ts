/** What happens to a list of patients between two of its pages: with both, the count stays and the later pages move on by one. */
import type { Call } from './call.ts';
import type { Faults } from './faults.ts';
import { pageNumber, type Scope } from './lists.ts';
import type { Resource } from './resources.ts';

export function changeBetween(call: Call, resource: Resource, scope: Scope | null, faults: Faults): void {
  const { betweenPages } = faults;
  if (resource.name !== 'patients' || betweenPages === null || betweenPages.after !== pageNumber(call.query)) return;
  faults.betweenPages = null;
  const { world } = call.view;
  const [first] = call.account.lists.page(resource, scope, call.query, 1).rows;
  if (betweenPages.remove && first !== undefined) world.removeSilently(first.id);
  if (betweenPages.add) world.addPatient({ firstName: 'Latecomer' });
}
