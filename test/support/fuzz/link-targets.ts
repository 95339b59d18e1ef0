/** `xmpp:` links as web pages, mails and other apps may write them. */
import { targetOf } from '../../../src/main/app/opened-links.ts';
import { formatInvitation } from '../../../src/main/nearby/invitation.ts';
import { xidOfPublicKey } from '../../../src/main/nearby/xid.ts';
import { parseJid } from '../../../src/shared/jid.ts';
import { mutateText } from './mutate-text.ts';
import { promise, promiseEqual, refused } from './property.ts';
import type { FuzzTarget } from './run-target.ts';

const now = Date.UTC(2026, 10, 27);

const linkTarget: FuzzTarget = {
  name: 'link',
  count: 3_000,
  expected: [
    'trust',
    'invitation',
    'person',
    'link.malformed',
    'link.group',
    'trust.malformed',
    'invitation.malformed',
  ],
  async prepare() {
    const inviter = xidOfPublicKey(new Uint8Array(32).fill(5));
    const samples = [
      `xmpp:jos%C3%A9@example.org?omemo-sid-7=${'ab'.repeat(32)};omemo-sid-8=05${'cd'.repeat(32)}`,
      formatInvitation({ inviter, secret: new Uint8Array(32).fill(9), expiresAt: now + 3_600_000 }),
      'xmpp://me@example.net/juliet@example.org?message;subject=a;body=Wherefore%20art%0D%0Athou%E2%80%AE%3F',
      'xmpp:bob@xn--bcher-kva.example/desk?roster;name=B%C3%B6b&group=Friends#x',
      'xmpp:room@muc.example.org?join;password=b',
      'xmpp:example.org',
    ];
    return (random) => {
      const input = mutateText(samples[random.below(samples.length)] ?? '', random, samples);
      return {
        input,
        run() {
          const target = targetOf(input, now);
          if (target.kind === 'refused') {
            return refused(target.error, [
              'link.malformed',
              'link.group',
              'trust.malformed',
              'invitation.malformed',
              'invitation.expired',
            ]);
          }
          if (target.kind !== 'invitation') {
            const jid = parseJid(target.address);
            promise(jid.ok && jid.value.local !== null, 'an address that is none');
            promiseEqual(jid.value.full, target.address, 'an address that is not in its normal form');
          }
          if (target.kind === 'person') {
            promise(!/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(target.body), 'a text with what acts on it');
            promise(!/[\p{Cc}\u2028\u2029]/u.test(target.name ?? ''), 'a name of more than one line');
          }
          return target.kind;
        },
      };
    };
  },
};

export const linkTargets: readonly FuzzTarget[] = [linkTarget];
