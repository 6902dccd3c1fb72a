import { describeFailures } from '../contract/failures.ts';
import { describeHeldSets } from '../contract/held-sets.ts';
import { describeRunStore } from '../contract/run-store.ts';
import { memoryStores } from '../support/memory-stores.ts';

describeRunStore('memory', memoryStores);
describeFailures('memory', memoryStores);
describeHeldSets('memory', memoryStores);
