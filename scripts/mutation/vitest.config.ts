/** The tests that mutants are tried against: direct ones, the same at every run. */
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** A mutant is done with at the first test that fails, so what runs through everything comes last. */
const last = ['e2ee-envelopes.test.ts'];

class DirectOnesFirst extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => last.findIndex((name) => moduleId.endsWith(name));
    return specifications.sort((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    include: ['test/unit/e2ee-*.test.ts', 'test/vectors/e2ee-primitives.test.ts'],
    // Whole conversations, damaged at every byte: seconds for each mutant, and nearly none that the others do not notice.
    exclude: ['test/unit/e2ee-legacy.test.ts', 'test/unit/e2ee-omemo.test.ts'],
    isolate: false,
    testTimeout: 20_000,
    sequence: { sequencer: DirectOnesFirst },
  },
});
