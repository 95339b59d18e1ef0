/** An `xmpp:` link with fingerprints, pasted or opened somewhere in the window: whose it is, and what comes of it. */
import { useState } from 'react';
import type { ContactId, OpenedLink, TrustUriCheck } from '../../../shared/model.ts';
import { trust as words } from '../../i18n/trust.ts';
import { ui } from '../../i18n/ui.ts';
import { type DialogPlace, useNavigation } from '../../state/navigation.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useConversation, useStatus, useStore, useWindow } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { cleanLine, cleanText } from '../../ui/clean-text.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { CheckResult } from './check-result.tsx';

type TrustLinkPlace = Extract<DialogPlace, { readonly name: 'trust-link' }>;

export function TrustLinkDialog({ place, onClose }: { place: TrustLinkPlace; onClose: () => void }) {
  const [check, setCheck] = useState<TrustUriCheck | null>(null);
  const title = check === null ? words.link.title : words.titleOf(cleanLine(check.name));
  return (
    <Dialog title={title} onClose={onClose}>
      {check === null ? (
        <Ask place={place} onChecked={setCheck} onClose={onClose} />
      ) : (
        <CheckResult check={check} onClose={onClose} />
      )}
    </Dialog>
  );
}

interface AskProps {
  readonly place: TrustLinkPlace;
  readonly onChecked: (check: TrustUriCheck) => void;
  readonly onClose: () => void;
}

/** A link decides nothing by itself: anyone can send one. The person says that this one is to be believed. */
function Ask({ place, onChecked, onClose }: AskProps) {
  const { link, address, from } = place;
  const { go } = useNavigation();
  const store = useStore();
  const check = useAsk('trust.checkUri');
  const add = useAsk('contacts.addByJid');
  const owner = useOwnerOf(address);
  // Opened and not pasted: nobody may know where it is from, so the sure way is offered first.
  const opened = from !== undefined;
  const sureWay = opened && check.error === null ? owner : null;
  const stranger = check.error?.code === 'trust.not-a-contact';
  // Whoever has no server can be met by an invitation only.
  const canAdd = stranger && !address.endsWith('@id.internal');

  async function verify(contactId?: ContactId): Promise<void> {
    const result = await check.ask(contactId === undefined ? { uri: link } : { uri: link, contactId });
    if (result.ok) onChecked(result.value);
  }
  async function addAndVerify(): Promise<void> {
    const result = await add.ask({ jid: address });
    if (!result.ok) return;
    store.apply({ type: 'contact', contact: result.value });
    await verify(result.value.id);
  }
  const busy = check.busy || add.busy;
  return (
    <div className="trust-link">
      <p>
        <strong>{words.link.from(owner?.name ?? address)}</strong>
      </p>
      {opened && check.error === null ? <Origin from={from} /> : null}
      <p className="muted">{words.link.onlyIf}</p>
      {opened ? <p className="muted">{words.link.outcome}</p> : null}
      {check.error === null ? null : stranger ? (
        <Notice what={cleanText(check.error.what)} action={canAdd ? check.error.action : words.link.inviteFirst} />
      ) : (
        <Problem error={check.error} />
      )}
      {add.error === null ? null : <Problem error={add.error} />}
      <div className="actions">
        {sureWay !== null ? null : <Button onPress={onClose}>{ui.cancel}</Button>}
        {canAdd ? (
          <Button kind="primary" autoFocus isDisabled={busy} onPress={() => void addAndVerify()}>
            {words.link.add}
          </Button>
        ) : stranger ? null : (
          <Button kind={opened ? 'secondary' : 'primary'} isDisabled={busy} onPress={() => void verify()}>
            {words.link.check}
          </Button>
        )}
        {sureWay === null ? null : (
          <Button kind="primary" onPress={() => go({ type: 'dialog', dialog: { name: 'verify', owner: sureWay.id } })}>
            {words.link.inPerson}
          </Button>
        )}
      </div>
    </div>
  );
}

/** What the way is worth by which the link came here. */
function Origin({ from }: { from: OpenedLink['from'] }) {
  const conversation = useConversation(from === 'outside' ? null : from);
  if (conversation === undefined) return <Notice what={words.link.outside} action={words.link.outsideText} />;
  const action = words.link.conversationText(cleanLine(conversation.title));
  return <Notice what={words.link.conversation} action={action} />;
}

/** Who has this address, as far as the window knows. */
function useOwnerOf(address: string): { readonly id: ContactId | 'self'; readonly name: string } | null {
  const status = useStatus();
  const bare = address.toLowerCase();
  const contact = useWindow((state) =>
    [...state.contacts.values()].find(({ jid, xid }) => jid?.toLowerCase() === bare || xid === bare),
  );
  if (contact !== undefined) return { id: contact.id, name: cleanLine(contact.name) };
  return status.account?.jid === bare || status.self?.xid === bare ? { id: 'self', name: words.link.yourself } : null;
}
