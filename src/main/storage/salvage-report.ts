/** What a salvage kept and what it could not read, kept in the new database until the person was told. */
import { type AppError, appError } from '../../shared/errors.ts';
import type { Connection } from './connection.ts';
import type { Store } from './records.ts';

export interface SalvageReport {
  /** Unix milliseconds. */
  readonly at: number;
  /** Name of the damaged file, kept beside the new one. */
  readonly setAsideAs: string;
  /** The identity was readable. False: this is a new device to everybody, and first start comes again. */
  readonly selfKept: boolean;
  readonly accountKept: boolean;
  readonly contacts: number;
  readonly conversations: number;
  readonly messages: number;
  /** Tables of which some rows could not be read. */
  readonly incomplete: readonly string[];
}

const reportName = 'app:storage.salvage';

/** The notice a person gets. */
export function salvageError(report: SalvageReport): AppError {
  const whole = report.incomplete.length === 0;
  return appError(
    'profile.unreadable',
    `The stored history was damaged; ${whole ? 'it was read back whole' : 'what was readable was kept'}: ${count(report.messages, 'message')} and ${count(report.contacts, 'contact')}.`,
    report.selfKept
      ? 'The damaged file was set aside. The next messages set up encryption anew; if some seem to be missing, ask for them again.'
      : 'The damaged file was set aside. Your identity could not be read, so a new one is made: tell your contacts.',
    `set aside as ${report.setAsideAs}; incomplete: ${report.incomplete.join(', ') || 'none'}`,
  );
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Called when the person has dismissed the notice: the next start is silent. */
export function forgetSalvage(store: Store): void {
  store.settings.setValue('storage.salvage', '');
}

export function writeSalvageReport(connection: Connection, report: SalvageReport): void {
  connection.run('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)', [reportName, JSON.stringify(report)]);
}

export function readSalvageReport(connection: Connection): SalvageReport | null {
  const value = connection.value('SELECT value FROM setting WHERE name = ?', [reportName]);
  return typeof value === 'string' && value !== '' ? (JSON.parse(value) as SalvageReport) : null;
}
