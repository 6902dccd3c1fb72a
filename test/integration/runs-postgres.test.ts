import { describeFailures } from '../contract/failures.ts';
import { describeHeldSets } from '../contract/held-sets.ts';
import { describeRunStore } from '../contract/run-store.ts';
import { postgresStores } from '../support/postgres-stores.ts';

describeRunStore('postgres', postgresStores);
describeFailures('postgres', postgresStores);
describeHeldSets('postgres', postgresStores);
