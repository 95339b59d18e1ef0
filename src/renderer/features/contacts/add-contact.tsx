/** Three ways to make a contact: invite, be invited, or know an address. */
import { useState } from 'react';
import { Form } from 'react-aria-components/Form';
import { Tab, TabList, TabPanel, Tabs } from 'react-aria-components/Tabs';
import type { Contact } from '../../../shared/model.ts';
import { contacts as words } from '../../i18n/contacts.ts';
import { useNavigation } from '../../state/navigation.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useStatus, useStore } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Problem } from '../../ui/problem.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { linkKind } from '../trust/trust-link.ts';
import { InvitationPanel } from './invitation.tsx';
import './add-contact.css';

export function AddContact({ link, onClose }: { link: string | null; onClose: () => void }) {
  const hasAccount = useStatus().account !== null;
  const open = useOpenContact(onClose);
  return (
    <Dialog title={words.addTitle} onClose={onClose}>
      <Tabs className="tabs" defaultSelectedKey={link !== null ? 'accept' : hasAccount ? 'address' : 'invite'}>
        <TabList className="tab-list" aria-label={words.addTitle}>
          <Tab id="address" className="tab">
            {words.tabAddress}
          </Tab>
          <Tab id="invite" className="tab">
            {words.tabInvite}
          </Tab>
          <Tab id="accept" className="tab">
            {words.tabAccept}
          </Tab>
        </TabList>
        <TabPanel id="address" className="tab-panel">
          {hasAccount ? <ByAddress onAdded={open} /> : <p className="muted">{words.addressNeedsAccount}</p>}
        </TabPanel>
        <TabPanel id="invite" className="tab-panel">
          <InvitationPanel />
        </TabPanel>
        <TabPanel id="accept" className="tab-panel">
          <ByInvitation given={link ?? ''} onAdded={open} />
        </TabPanel>
      </Tabs>
    </Dialog>
  );
}

/** After adding someone, the next thing is to write to them. */
function useOpenContact(onClose: () => void): (contact: Contact) => Promise<void> {
  const store = useStore();
  const { go } = useNavigation();
  return async (contact) => {
    store.apply({ type: 'contact', contact });
    const result = await store.call('conversations.openWith', { contactId: contact.id });
    if (!result.ok) {
      onClose();
      return;
    }
    store.apply({ type: 'conversation', conversation: result.value });
    go({ type: 'open', conversationId: result.value.id });
  };
}

/** A link that belongs elsewhere leads there, whichever field it was put into. True: it did. */
function useLeadOn(): (text: string, field: 'address' | 'invitation') => boolean {
  const { go } = useNavigation();
  return (text, field) => {
    const found = linkKind(text);
    if (found.kind === 'trust') go({ type: 'dialog', dialog: { name: 'trust-link', link: found.link } });
    else if (found.kind === 'invitation' && field === 'address') {
      go({ type: 'dialog', dialog: { name: 'add-contact', link: found.link } });
    } else return false;
    return true;
  };
}

function ByAddress({ onAdded }: { onAdded: (contact: Contact) => Promise<void> }) {
  const [jid, setJid] = useState('');
  const [name, setName] = useState('');
  const { ask, busy, error } = useAsk('contacts.addByJid');
  const leadOn = useLeadOn();

  async function add(): Promise<void> {
    if (jid.trim() === '' || busy || leadOn(jid, 'address')) return;
    const result = await ask(name.trim() === '' ? { jid: jid.trim() } : { jid: jid.trim(), name: name.trim() });
    if (result.ok) await onAdded(result.value);
  }
  return (
    <Form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        void add();
      }}
    >
      <TextField
        label={words.addressLabel}
        placeholder={words.addressPlaceholder}
        value={jid}
        onChange={setJid}
        inputMode="email"
        spellCheck="false"
        autoFocus
      />
      <TextField label={words.nameLabel} hint={words.nameHint} value={name} onChange={setName} />
      {error === null ? null : <Problem error={error} />}
      <Button type="submit" kind="primary" isDisabled={jid.trim() === '' || busy}>
        {words.addressAction}
      </Button>
    </Form>
  );
}

function ByInvitation({ given, onAdded }: { given: string; onAdded: (contact: Contact) => Promise<void> }) {
  const [link, setLink] = useState(given);
  const leadOn = useLeadOn();
  const { ask, busy, error } = useAsk('invitations.accept');

  async function accept(): Promise<void> {
    if (link.trim() === '' || busy || leadOn(link, 'invitation')) return;
    const result = await ask({ link: link.trim() });
    if (result.ok) await onAdded(result.value);
  }
  return (
    <Form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        void accept();
      }}
    >
      <TextField
        label={words.acceptLabel}
        hint={words.acceptHint}
        value={link}
        onChange={setLink}
        spellCheck="false"
        autoFocus
      />
      {error === null ? null : <Problem error={error} />}
      <Button type="submit" kind="primary" isDisabled={link.trim() === '' || busy}>
        {words.acceptAction}
      </Button>
    </Form>
  );
}
