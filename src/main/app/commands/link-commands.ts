/** Commands about links: web links leave the app, `xmpp:` links wait to be shown in it. */
import { fail, ok } from '../../../shared/errors.ts';
import type { LinkHandler } from '../../../shared/model.ts';
import type { OpenedLinks } from '../opened-links.ts';
import type { Ports } from '../ports.ts';
import type { Handlers } from './command-types.ts';

export type LinkCommand = 'links.open' | 'links.waiting' | 'links.taken' | 'links.handler' | 'links.claim';

/** Answered whether a profile is open or not: the system opens links when it likes. */
export function linkCommands(ports: Ports, links: OpenedLinks): Handlers<LinkCommand> {
  const registry = ports.linkRegistry;
  const handler = (): LinkHandler => (registry === undefined ? 'unknown' : registry.isOurs() ? 'bothy' : 'another');
  return {
    /** http(s) only after the host asked the person. */
    async 'links.open'({ url, conversationId }) {
      if (/^xmpp:/i.test(url)) {
        links.open(url, conversationId ?? 'outside');
        return ok(null);
      }
      const parsed = URL.canParse(url) ? new URL(url) : null;
      if (!parsed || (parsed.protocol !== 'https:' && parsed.protocol !== 'http:')) {
        return fail('link.not-allowed', 'Only web links and xmpp: links can be opened.');
      }
      await ports.links.open(parsed);
      return ok(null);
    },
    'links.waiting': () => ok(links.waiting()),
    'links.taken'({ id }) {
      links.take(id);
      return ok(null);
    },
    'links.handler': () => ok(handler()),
    'links.claim'() {
      if (registry === undefined || !registry.claim()) {
        return fail(
          'link.not-claimed',
          'The system goes on opening these links as before.',
          'Choose Bothy for “xmpp” in the settings of the system, among the default apps.',
        );
      }
      return ok(handler());
    },
  };
}
