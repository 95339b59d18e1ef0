/** Three ways to make a contact: invite, be invited, or know an address. */
import { useState } from 'react';
import { Form } from 'react-aria-components/Form';
import { Tab, TabList, TabPanel, Tabs } from 'react-aria-components/Tabs';
import type { Contact } from '../../../shared/model.ts';
import { xmppLink } from '../../../shared/xmpp-link.ts';
import { contacts as words } from '../../i18n/contacts.ts';
import { links } from '../../i18n/links.ts';
import { type ProposedPerson, useNavigation } from '../../state/navigation.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useStatus, useStore } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { cleanLine } from '../../ui/clean-text.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Problem } from '../../ui/problem.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { InvitationPanel } from './invitation.tsx';
import './add-contact.css';

interface AddContactProps {
  readonly link: string | null;
  readonly person: ProposedPerson | null;
  /** A link led here. Then no field has the focus: what is being typed meanwhile must not agree to anything. */
  readonly byLink: boolean;
  readonly onClose: () => void;
}

export function AddContact({ link, person, byLink, onClose }: AddContactProps) {
  const hasAccount = useStatus().account !== null;
  const open = useOpenContact(person?.body ?? '', onClose);
  const tab = link !== null ? 'accept' : hasAccount || person !== null ? 'address' : 'invite';
  return (
    <Dialog title={words.addTitle} onClose={onClose}>
      <Tabs className="tabs" defaultSelectedKey={tab}>
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
          {hasAccount ? (
            <ByAddress given={person} byLink={byLink} onAdded={open} />
          ) : (
            <p className="muted">
              {person === null ? words.addressNeedsAccount : links.brought.noAccount(person.address)}
            </p>
          )}
        </TabPanel>
        <TabPanel id="invite" className="tab-panel">
          <InvitationPanel />
        </TabPanel>
        <TabPanel id="accept" className="tab-panel">
          <ByInvitation given={link ?? ''} byLink={byLink} onAdded={open} />
        </TabPanel>
      </Tabs>
    </Dialog>
  );
}

/** After adding someone, the next thing is to write to them. `text`: what a link proposes to say. */
function useOpenContact(text: string, onClose: () => void): (contact: Contact) => Promise<void> {
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
    go({ type: 'open', conversationId: result.value.id, ...(text === '' ? {} : { linkText: text }) });
  };
}

/** A link that belongs elsewhere leads there, whichever field it was put into. True: it did. */
function useLeadOn(): (text: string, field: 'address' | 'invitation') => boolean {
  const { go } = useNavigation();
  return (text, field) => {
    const found = xmppLink(text);
    if (found?.kind === 'trust') {
      go({ type: 'dialog', dialog: { name: 'trust-link', link: found.link, address: found.address } });
    } else if (found?.kind === 'invitation' && field === 'address') {
      go({ type: 'dialog', dialog: { name: 'add-contact', link: found.link } });
    } else return false;
    return true;
  };
}

interface ByAddressProps {
  readonly given: ProposedPerson | null;
  readonly byLink: boolean;
  readonly onAdded: (contact: Contact) => Promise<void>;
}

function ByAddress({ given, byLink, onAdded }: ByAddressProps) {
  const [jid, setJid] = useState(given?.address ?? '');
  const [name, setName] = useState(cleanLine(given?.name ?? ''));
  const { ask, busy, error } = useAsk('contacts.addByJid');
  const leadOn = useLeadOn();

  async function add(): Promise<void> {
    if (jid.trim() === '' || busy || leadOn(jid, 'address')) return;
    // Of a whole link that was pasted here, the address counts.
    const found = xmppLink(jid);
    const address = found?.kind === 'person' ? found.address : jid.trim();
    const result = await ask(name.trim() === '' ? { jid: address } : { jid: address, name: name.trim() });
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
      {byLink && given !== null ? (
        <p className="muted">
          {links.brought.person} {given.body === '' ? null : links.brought.text}
        </p>
      ) : null}
      <TextField
        label={words.addressLabel}
        placeholder={words.addressPlaceholder}
        value={jid}
        onChange={setJid}
        inputMode="email"
        spellCheck="false"
        autoFocus={!byLink}
      />
      <TextField label={words.nameLabel} hint={words.nameHint} value={name} onChange={setName} />
      {error === null ? null : <Problem error={error} />}
      <Button type="submit" kind="primary" isDisabled={jid.trim() === '' || busy}>
        {words.addressAction}
      </Button>
    </Form>
  );
}

interface ByInvitationProps {
  readonly given: string;
  readonly byLink: boolean;
  readonly onAdded: (contact: Contact) => Promise<void>;
}

function ByInvitation({ given, byLink, onAdded }: ByInvitationProps) {
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
      {byLink && given !== '' ? <p className="muted">{links.brought.invitation}</p> : null}
      <TextField
        label={words.acceptLabel}
        hint={byLink ? undefined : words.acceptHint}
        value={link}
        onChange={setLink}
        spellCheck="false"
        autoFocus={!byLink}
      />
      {error === null ? null : <Problem error={error} />}
      <Button type="submit" kind="primary" isDisabled={link.trim() === '' || busy}>
        {words.acceptAction}
      </Button>
    </Form>
  );
}
