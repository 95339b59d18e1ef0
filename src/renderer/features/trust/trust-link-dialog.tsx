/** An `xmpp:` link with fingerprints, pasted or opened somewhere in the window: whose it is, and what comes of it. */
import { useState } from 'react';
import type { ContactId, TrustUriCheck } from '../../../shared/model.ts';
import { trust as words } from '../../i18n/trust.ts';
import { ui } from '../../i18n/ui.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useStatus, useStore, useWindow } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { cleanLine } from '../../ui/clean-text.ts';
import { Dialog } from '../../ui/dialog.tsx';
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
  const owner = useOwnerOf(address);

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
  const error = check.error ?? add.error;
  const busy = check.busy || add.busy;
  return (
    <div className="trust-link">
      {owner === null ? (
        <>
          <p>
            <strong>{words.link.unknown(address)}</strong>
          </p>
          <p>{words.link.unknownText}</p>
        </>
      ) : (
        <p>
          <strong>{words.link.from(owner.name)}</strong>
        </p>
      )}
      <p className="muted">{words.link.onlyIf}</p>
      {error === null ? null : <Problem error={error} />}
      <div className="actions">
        <Button onPress={onClose}>{ui.cancel}</Button>
        {owner === null ? (
          <Button kind="primary" isDisabled={busy} onPress={() => void addAndVerify()}>
            {words.link.add}
          </Button>
        ) : (
          <Button kind="primary" isDisabled={busy} onPress={() => void verify()}>
            {words.link.check}
          </Button>
        )}
      </div>
    </div>
  );
}

/** Whose address this is, as the window knows it; the application decides for itself. */
function useOwnerOf(address: string): { readonly name: string } | null {
  const status = useStatus();
  const bare = address.toLowerCase();
  const contact = useWindow((state) =>
    [...state.contacts.values()].find(({ jid, xid }) => jid?.toLowerCase() === bare || xid === bare),
  );
  if (contact !== undefined) return { name: cleanLine(contact.name) };
  const own = status.account?.jid === bare || status.self?.xid === bare;
  return own ? { name: status.self?.name ?? address } : null;
}
