import { writeSync } from 'node:fs';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';

/** Ends the output with one plain line, `N passed, N failed, N skipped`, after why each was skipped. */
export default class SummaryReporter implements Reporter {
  #lines: string[] = [];
  #registered = false;

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    this.#lines = [];
    for (const module of modules) {
      // A file that could not be loaded, and a hook that failed, have no test to count.
      counts.failed += module.errors().length;
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'pending') counts.skipped += 1;
        else counts[state] += 1;
        if (state === 'skipped' || state === 'pending') this.#lines.push(skipped(module, test));
      }
    }
    this.#lines.push(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    // Vitest and its global teardown may still print; nothing prints after exit.
    if (!this.#registered) process.once('exit', () => writeSync(1, `${this.#lines.join('\n')}\n`));
    this.#registered = true;
  }
}

function skipped(module: TestModule, test: TestCase): string {
  const result = test.result();
  const note = 'note' in result && result.note ? result.note : 'marked as skipped, or did not run';
  return `skipped: ${module.relativeModuleId} > ${test.fullName}: ${note}`;
}
