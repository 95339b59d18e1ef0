/** A Vitest reporter that writes what the closing line needs: counts, failures, and the reason of every skip. */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import type { Reporter, TestModule } from 'vitest/node';

export interface TestSummary {
  passed: number;
  failed: number;
  skipped: { name: string; reason: string }[];
  /** Names of what failed, tests and files alike. */
  failures: string[];
}

/** File the summary is written to, given by the runner. */
export const summaryVariable = 'BOTHY_TEST_SUMMARY';

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const summary: TestSummary = { passed: 0, failed: 0, skipped: [], failures: [] };
    for (const module of modules) {
      let failedTests = 0;
      for (const test of module.children.allTests()) {
        const name = `${module.relativeModuleId}: ${test.fullName}`;
        const result = test.result();
        if (result.state === 'passed') summary.passed += 1;
        else if (result.state === 'failed') {
          failedTests += 1;
          summary.failures.push(name);
        } else {
          const reason = result.state === 'skipped' ? result.note : undefined;
          summary.skipped.push({ name, reason: reason ?? 'no reason given' });
        }
      }
      summary.failed += failedTests;
      // A file whose loading or hooks failed counts as a failure of its own.
      if (module.state() === 'failed' && failedTests === 0) {
        summary.failed += 1;
        summary.failures.push(`${module.relativeModuleId}: the file itself failed`);
      }
    }
    if (unhandled.length > 0) {
      summary.failed += unhandled.length;
      summary.failures.push(`${unhandled.length} unhandled errors outside any test`);
    }
    const file = process.env[summaryVariable];
    if (file !== undefined) writeFileSync(file, JSON.stringify(summary));
  }
}
