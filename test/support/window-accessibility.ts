/** What axe finds wrong in a page that is driven from outside, whichever host opened it. */
import axe from 'axe-core';
import * as v from 'valibot';
import type { WindowDriver } from './window-driver.ts';

/** Rule and first place of each violation; empty when there is none. */
export async function accessibilityViolations(page: WindowDriver): Promise<readonly string[]> {
  await page.evaluate(`void (() => { ${axe.source} })()`);
  return v.parse(
    v.array(v.string()),
    await page.evaluate(
      `axe.run({ resultTypes: ['violations'] }).then(({ violations }) =>
        violations.map(({ id, nodes }) => id + ': ' + nodes[0]?.target.join(' ')))`,
    ),
  );
}
