/** Writes vitest's totals, as JSON, to the file named by CHARTSYNC_TEST_TOTALS. */
import { writeFileSync } from 'node:fs';

export default class TotalsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const totals = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      // A file that cannot be loaded, or a hook that fails, has no failed test of its own.
      totals.failed += module.errors().length;
      for (const suite of module.children.allSuites()) totals.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') totals.passed++;
        else if (state === 'failed') totals.failed++;
        else totals.skipped.push(`${module.relativeModuleId}: ${test.fullName}`);
      }
    }
    const file = process.env.CHARTSYNC_TEST_TOTALS;
    if (file) writeFileSync(file, JSON.stringify(totals));
  }
}
