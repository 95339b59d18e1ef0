/** One page of the message archive (XEP-0313 with XEP-0059): asking for it and collecting its results. */
import { randomUUID } from 'node:crypto';
import xml, { type Element } from '@xmpp/xml';
import { type AppError, appError, ok, type Result } from '../../../shared/errors.ts';
import type { Taken } from './incoming-message.ts';
import { NS } from './namespaces.ts';

export const PAGE_SIZE = 50;
/** A server that sends this many results for one page is broken or hostile. */
const MAX_RESULTS = 4 * PAGE_SIZE;
/** How long results may lag behind the answer that lists them. */
const LAG_MS = 10_000;

/** Where a page begins. */
export type PagePosition =
  | { readonly kind: 'after'; readonly archiveId: string }
  | { readonly kind: 'since'; readonly time: number }
  | { readonly kind: 'newest' }
  | { readonly kind: 'oldest' };

export interface ArchiveResult {
  readonly archiveId: string;
  /** Null: nothing for us (malformed, or a forgery that was archived). */
  readonly message: Taken | null;
}

export interface ArchivePage {
  /** Oldest first. */
  readonly results: readonly ArchiveResult[];
  /** The archive id to continue after; null for an empty page. */
  readonly last: string | null;
  /** Nothing newer was in the archive when the server answered. */
  readonly complete: boolean;
}

type Request = (iq: Element) => Promise<Result<Element>>;

/** Collects results of queries that we made; everything else is refused. */
export class ArchivePages {
  readonly #open = new Map<string, { results: ArchiveResult[]; arrived: () => void }>();

  /** True if the result answers a query of ours that is under way. */
  collect(queryId: string, archiveId: string, message: Taken | null): boolean {
    const page = this.#open.get(queryId);
    if (page === undefined || page.results.length >= MAX_RESULTS) return false;
    page.results.push({ archiveId, message });
    page.arrived();
    return true;
  }

  /** `account`: our own bare address, whose archive is asked. */
  async fetch(position: PagePosition, account: string, request: Request): Promise<Result<ArchivePage>> {
    const queryId = randomUUID();
    const page = { results: [] as ArchiveResult[], arrived: () => {} };
    this.#open.set(queryId, page);
    try {
      const answer = await request(query(position, account, queryId));
      if (!answer.ok) return answer;
      const fin = answer.value.getChild('fin', NS.archive);
      if (fin === undefined) return { ok: false, error: malformed() };
      const set = fin.getChild('set', NS.resultSet);
      const listed = set?.getChildText('last') || null;
      // the results were sent before this answer, but may still be on their way through our own queue
      if (listed !== null) await arrivalOf(listed, page);
      const last = listed ?? page.results.at(-1)?.archiveId ?? null;
      const complete = fin.attrs['complete'] === 'true' || last === null || position.kind === 'newest';
      return ok({ results: page.results, last, complete });
    } finally {
      this.#open.delete(queryId);
    }
  }
}

async function arrivalOf(last: string, page: { results: ArchiveResult[]; arrived: () => void }): Promise<void> {
  const isThere = () => page.results.some((result) => result.archiveId === last);
  if (isThere()) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LAG_MS);
    page.arrived = () => {
      if (!isThere()) return;
      clearTimeout(timer);
      resolve();
    };
  });
}

function query(position: PagePosition, account: string, queryId: string): Element {
  const form =
    position.kind === 'since'
      ? [
          xml(
            'x',
            { xmlns: NS.dataForm, type: 'submit' },
            xml('field', { var: 'FORM_TYPE', type: 'hidden' }, xml('value', {}, NS.archive)),
            xml('field', { var: 'start' }, xml('value', {}, new Date(position.time).toISOString())),
          ),
        ]
      : [];
  const from =
    position.kind === 'after'
      ? [xml('after', {}, position.archiveId)]
      : position.kind === 'newest'
        ? [xml('before', {})]
        : [];
  return xml(
    'iq',
    { type: 'set', to: account },
    xml(
      'query',
      { xmlns: NS.archive, queryid: queryId },
      ...form,
      xml('set', { xmlns: NS.resultSet }, xml('max', {}, String(PAGE_SIZE)), ...from),
    ),
  );
}

function malformed(): AppError {
  return appError(
    'account.protocol',
    'The server said something that makes no sense.',
    '',
    'archive answer without fin',
  );
}
