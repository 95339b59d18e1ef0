/** Right pane: who this is, what protects the conversation, which way it goes. */
import { Pencil, ShieldCheck, UserMinus, X } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import type { Contact, Conversation } from '../../../shared/model.ts';
import { chat } from '../../i18n/chat.ts';
import { contacts as words } from '../../i18n/contacts.ts';
import { devices } from '../../i18n/devices.ts';
import { ui } from '../../i18n/ui.ts';
import { useNavigation } from '../../state/navigation.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useContact, useStatus, useStore } from '../../state/use-window.ts';
import { Avatar } from '../../ui/avatar.tsx';
import { Button, IconButton } from '../../ui/button.tsx';
import { cleanLine } from '../../ui/clean-text.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Icon } from '../../ui/icon.tsx';
import { InlineForm } from '../../ui/inline-form.tsx';
import { Name } from '../../ui/name.tsx';
import { Problem } from '../../ui/problem.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { type Lock, lockOf } from '../chat/lock.ts';
import { RoutePin } from '../chat/route-pin.tsx';
import { DeviceList } from '../devices/device-list.tsx';
import { OwnCopies } from '../devices/own-copies.tsx';
import { ClearSignals } from './clear-signals.tsx';
import './person-pane.css';

const explanations: Record<Lock, string> = {
  verified: devices.explainVerified,
  encrypted: devices.explainEncrypted,
  unverified: devices.explainUnverified,
  none: devices.explainNone,
  pending: devices.explainPending,
};

export function PersonPane({ conversation }: { conversation: Conversation }) {
  const { go } = useNavigation();
  const contact = useContact(conversation.contactId);
  const [removing, setRemoving] = useState(false);
  const lock = lockOf(conversation, contact);
  return (
    <aside className="person-pane" aria-label={words.paneTitle}>
      <div className="person-close">
        <IconButton label={ui.close} onPress={() => go({ type: 'panel', panel: null })}>
          <Icon of={X} />
        </IconButton>
      </div>
      {contact === undefined ? null : (
        <>
          <Who key={contact.name} contact={contact} />
          <Section title={words.encryption}>
            <p className="lock-word" data-lock={lock}>
              {chat.lock[lock]}
            </p>
            <p className="muted small">{explanations[lock]}</p>
            {conversation.encryption === 'none' ? null : (
              <>
                <Button
                  onPress={() => go({ type: 'dialog', dialog: { name: 'verify', owner: contact.id } })}
                  kind={lock === 'verified' ? 'secondary' : 'primary'}
                >
                  <Icon of={ShieldCheck} />
                  {lock === 'verified' ? devices.verifyAgain : devices.verifyOf(cleanLine(contact.name))}
                </Button>
                <DeviceList
                  label={devices.listLabel(cleanLine(contact.name))}
                  owner={contact.id}
                  devices={contact.devices}
                />
              </>
            )}
            <ClearSignals conversation={conversation} contact={contact} />
          </Section>
          {conversation.encryption === 'none' ? null : (
            <Section title={devices.copiesLabel}>
              <OwnCopies />
            </Section>
          )}
          <Section title={words.route}>
            <div className="person-route">
              <RoutePin conversation={conversation} />
            </div>
          </Section>
          <Button kind="danger" onPress={() => setRemoving(true)}>
            <Icon of={UserMinus} />
            {words.remove}
          </Button>
          {removing ? <RemoveContact contact={contact} onClose={() => setRemoving(false)} /> : null}
        </>
      )}
    </aside>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="person-section">
      <h3 className="section-title">{title}</h3>
      {children}
    </section>
  );
}

function Who({ contact }: { contact: Contact }) {
  const [renaming, setRenaming] = useState(false);
  const near = useStatus().nearby.connectedContacts.includes(contact.id);
  const presence = contact.presence === null ? null : words.presence[contact.presence];
  return (
    <div className="person-who">
      <Avatar name={contact.name} address={contact.jid ?? contact.xid ?? contact.name} size={72} />
      {renaming ? (
        <Rename contact={contact} onDone={() => setRenaming(false)} />
      ) : (
        <div className="person-name">
          <h2>
            <Name>{contact.name}</Name>
          </h2>
          <IconButton label={words.rename} onPress={() => setRenaming(true)}>
            <Icon of={Pencil} size={16} />
          </IconButton>
        </div>
      )}
      <p className="muted small person-address">
        {contact.jid === null ? words.nearbyOnly : <Name>{contact.jid}</Name>}
      </p>
      <p className="muted small">
        {[presence, near ? words.connectedDirectly : null].filter((part) => part !== null).join(' · ')}
      </p>
      {contact.jid === null ? null : <CopyButton small text={contact.jid} label={words.copyAddress} />}
    </div>
  );
}

function Rename({ contact, onDone }: { contact: Contact; onDone: () => void }) {
  const store = useStore();
  const [name, setName] = useState(contact.name);
  const { ask, busy, error } = useAsk('contacts.rename');

  async function rename(): Promise<void> {
    const result = await ask({ contactId: contact.id, name: name.trim() });
    if (!result.ok) return;
    store.apply({ type: 'contact', contact: result.value });
    onDone();
  }
  return (
    <InlineForm canSave={name.trim() !== '' && !busy} onSave={rename} onCancel={onDone}>
      <TextField label={words.renameLabel} value={name} onChange={setName} autoFocus />
      {error === null ? null : <Problem error={error} />}
    </InlineForm>
  );
}

function RemoveContact({ contact, onClose }: { contact: Contact; onClose: () => void }) {
  const { go } = useNavigation();
  const { ask, busy, error } = useAsk('contacts.remove');

  async function remove(): Promise<void> {
    const result = await ask({ contactId: contact.id });
    if (!result.ok) return;
    onClose();
    go({ type: 'close-conversation' });
  }
  return (
    <Dialog role="alertdialog" title={words.removeTitle(cleanLine(contact.name))} onClose={onClose}>
      <p>{words.removeText}</p>
      {error === null ? null : <Problem error={error} />}
      <div className="actions">
        <Button onPress={onClose} autoFocus>
          {ui.cancel}
        </Button>
        <Button kind="danger" isDisabled={busy} onPress={() => void remove()}>
          {words.removeAction}
        </Button>
      </div>
    </Dialog>
  );
}
