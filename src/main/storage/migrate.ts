/** Brings a database up to the newest schema, one transaction a step; `user_version` counts the steps taken. */
import type { Connection } from './connection.ts';
import { initial } from './migrations/0001-initial.ts';
import { trust } from './migrations/0002-trust.ts';
import { healing } from './migrations/0003-healing.ts';
import { trustStatements } from './migrations/0004-trust-statements.ts';

/** In order; a released step is never edited, only followed by another. */
const migrations: readonly string[] = [initial, trust, healing, trustStatements];

/** The schema this program writes. */
export const newestVersion = migrations.length;

export function schemaVersion(connection: Connection): number {
  const version = connection.value('PRAGMA user_version');
  return typeof version === 'number' ? version : 0;
}

/** Takes the steps that are missing. The caller has refused a newer database before. Throws `StorageFault`. */
export function migrate(connection: Connection, steps: readonly string[] = migrations): void {
  for (let version = schemaVersion(connection); version < steps.length; version += 1) {
    const step = steps[version];
    if (step === undefined) return;
    connection.transaction(() => {
      connection.exec(step);
      connection.exec(`PRAGMA user_version = ${version + 1}`);
    });
  }
}
