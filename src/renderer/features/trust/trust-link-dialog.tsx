/** An `xmpp:` link with fingerprints, pasted or opened somewhere in the window: whose it is, and what comes of it. */
import { useState } from 'react';
import type { ContactId, TrustUriCheck } from '../../../shared/model.ts';
import { trust as words } from '../../i18n/trust.ts';
import { ui } from '../../i18n/ui.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useStatus, useStore, useWindow } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { cleanLine, cleanText } from '../../ui/clean-text.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { CheckResult } from './check-result.tsx';
import { linkKind } from './trust-link.ts';

export function TrustLinkDialog({ link, onClose }: { link: string; onClose: () => void }) {
  const [check, setCheck] = useState<TrustUriCheck | null>(null);
  const title = check === null ? words.link.title : words.titleOf(cleanLine(check.name));
  return (
    <Dialog title={title} onClose={onClose}>
      {check === null ? (
        <Ask link={link} onChecked={setCheck} onClose={onClose} />
      ) : (
        <CheckResult check={check} onClose={onClose} />
      )}
    </Dialog>
  );
}

interface AskProps {
  readonly link: string;
  readonly onChecked: (check: TrustUriCheck) => void;
  readonly onClose: () => void;
}

/** A link decides nothing by itself: anyone can send one. The person says that this one is to be believed. */
function Ask({ link, onChecked, onClose }: AskProps) {
  const store = useStore();
  const check = useAsk('trust.checkUri');
  const add = useAsk('contacts.addByJid');
  const found = linkKind(link);
  const address = found.kind === 'trust' ? found.address : '';
  const name = useNameAt(address);
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
        <strong>{words.link.from(name ?? address)}</strong>
      </p>
      <p className="muted">{words.link.onlyIf}</p>
      {check.error === null ? null : stranger ? (
        <Notice what={cleanText(check.error.what)} action={canAdd ? check.error.action : words.link.inviteFirst} />
      ) : (
        <Problem error={check.error} />
      )}
      {add.error === null ? null : <Problem error={add.error} />}
      <div className="actions">
        <Button onPress={onClose}>{ui.cancel}</Button>
        {canAdd ? (
          <Button kind="primary" autoFocus isDisabled={busy} onPress={() => void addAndVerify()}>
            {words.link.add}
          </Button>
        ) : stranger ? null : (
          <Button kind="primary" isDisabled={busy} onPress={() => void verify()}>
            {words.link.check}
          </Button>
        )}
      </div>
    </div>
  );
}

/** Who has this address, as far as the window knows. */
function useNameAt(address: string): string | null {
  const status = useStatus();
  const bare = address.toLowerCase();
  const contact = useWindow((state) =>
    [...state.contacts.values()].find(({ jid, xid }) => jid?.toLowerCase() === bare || xid === bare),
  );
  if (contact !== undefined) return cleanLine(contact.name);
  return status.account?.jid === bare || status.self?.xid === bare ? words.link.yourself : null;
}
