/** One line a minute while mutants are tried. */
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';
import type { MutationTestingPlanReadyEvent, Reporter } from '@stryker-mutator/api/report';

class Progress implements Reporter {
  #total = 0;
  #done = 0;
  #said = performance.now();

  onMutationTestingPlanReady({ mutantPlans }: MutationTestingPlanReadyEvent): void {
    this.#total = mutantPlans.length;
    console.log(`${this.#total} mutants`);
  }

  onMutantTested(): void {
    this.#done += 1;
    if (performance.now() - this.#said < 60_000) return;
    this.#said = performance.now();
    console.log(`${this.#done} of ${this.#total}`);
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.Reporter, 'progress-lines', Progress)];
