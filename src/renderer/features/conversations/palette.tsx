/** Go to anyone and anything: contacts by name or address, messages by their words, a few actions. */
import {
  type LucideIcon,
  MessageSquare,
  MonitorSmartphone,
  Search,
  Settings,
  ShieldCheck,
  UserPlus,
} from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { Autocomplete } from 'react-aria-components/Autocomplete';
import { Dialog as AriaDialog } from 'react-aria-components/Dialog';
import { Header } from 'react-aria-components/Header';
import { Input } from 'react-aria-components/Input';
import { ListBox, ListBoxItem, ListBoxSection } from 'react-aria-components/ListBox';
import { Modal, ModalOverlay } from 'react-aria-components/Modal';
import { TextField } from 'react-aria-components/TextField';
import type { Contact, Message } from '../../../shared/model.ts';
import { xmppLink } from '../../../shared/xmpp-link.ts';
import { conversations as words } from '../../i18n/conversations.ts';
import { formatListMoment } from '../../i18n/dates.ts';
import { type DialogPlace, useNavigation } from '../../state/navigation.ts';
import { useNow } from '../../state/use-now.ts';
import { useStore, useWindow } from '../../state/use-window.ts';
import { Avatar } from '../../ui/avatar.tsx';
import { cleanLine } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';
import { Name } from '../../ui/name.tsx';
import { excerpt, rankContacts } from './search.ts';
import './palette.css';

interface PaletteAction {
  readonly id: string;
  readonly label: string;
  readonly icon: LucideIcon;
  readonly dialog: DialogPlace;
}

const actions: readonly PaletteAction[] = [
  { id: 'add', label: words.palette.add, icon: UserPlus, dialog: { name: 'add-contact' } },
  {
    id: 'devices',
    label: words.palette.devices,
    icon: MonitorSmartphone,
    dialog: { name: 'settings', page: 'devices' },
  },
  { id: 'settings', label: words.palette.settings, icon: Settings, dialog: { name: 'settings' } },
];

/** What a pasted `xmpp:` link is for. */
function linkAction(text: string): PaletteAction | null {
  const found = xmppLink(text);
  if (found?.kind === 'trust') {
    const dialog = { name: 'trust-link', link: found.link, address: found.address } as const;
    return { id: 'trust-link', label: words.palette.trustLink, icon: ShieldCheck, dialog };
  }
  if (found?.kind === 'invitation') {
    const dialog = { name: 'add-contact', link: found.link } as const;
    return { id: 'invitation', label: words.palette.invitation, icon: UserPlus, dialog };
  }
  return null;
}

export function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('');
  const store = useStore();
  const { go } = useNavigation();
  const now = useNow();
  const contacts = useWindow((state) => state.contacts);
  const conversations = useWindow((state) => state.conversations);
  const found = useMessageSearch(text);

  const people = useMemo(
    () => rankContacts([...contacts.values()], [...conversations.values()], text).slice(0, 8),
    [contacts, conversations, text],
  );
  const fromLink = linkAction(text);
  const matchingActions =
    fromLink === null
      ? actions.filter((action) => action.label.toLowerCase().includes(text.trim().toLowerCase()))
      : [fromLink];

  async function openContact(contact: Contact): Promise<void> {
    const result = await store.call('conversations.openWith', { contactId: contact.id });
    if (!result.ok) return;
    store.apply({ type: 'conversation', conversation: result.value });
    go({ type: 'open', conversationId: result.value.id });
  }

  function act(key: string): void {
    const [kind, id] = [key.slice(0, key.indexOf(':')), key.slice(key.indexOf(':') + 1)];
    const contact = kind === 'contact' ? people.find((candidate) => candidate.id === id) : undefined;
    const message = kind === 'message' ? found.find((candidate) => candidate.id === id) : undefined;
    const action = kind === 'action' ? matchingActions.find((candidate) => candidate.id === id) : undefined;
    if (contact !== undefined) void openContact(contact);
    else if (message !== undefined) go({ type: 'open', conversationId: message.conversationId, message });
    else if (action !== undefined) go({ type: 'dialog', dialog: action.dialog });
  }

  return (
    <ModalOverlay className="veil palette-veil" isOpen isDismissable onOpenChange={(open) => open || onClose()}>
      <Modal className="dialog palette">
        <AriaDialog className="dialog-inner" aria-label={words.palette.title}>
          <Autocomplete inputValue={text} onInputChange={setText}>
            <TextField type="search" className="palette-field" aria-label={words.palette.label} autoFocus>
              <Icon of={Search} />
              <Input className="palette-input" placeholder={words.palette.placeholder} />
            </TextField>
            <ListBox
              className="palette-list"
              aria-label={words.palette.title}
              selectionMode="none"
              onAction={(key) => act(String(key))}
              renderEmptyState={() => <p className="palette-empty">{words.palette.nothing}</p>}
            >
              {people.length === 0 ? null : (
                <ListBoxSection>
                  <Header className="palette-heading">{words.palette.people}</Header>
                  {people.map((contact) => (
                    <ListBoxItem
                      key={contact.id}
                      id={`contact:${contact.id}`}
                      className="palette-row"
                      textValue={cleanLine(contact.name)}
                    >
                      <Avatar name={contact.name} address={contact.jid ?? contact.xid ?? contact.name} size={24} />
                      <Name className="palette-name">{contact.name}</Name>
                      {contact.jid === null ? null : <Name className="palette-aside">{contact.jid}</Name>}
                    </ListBoxItem>
                  ))}
                </ListBoxSection>
              )}
              {found.length === 0 ? null : (
                <ListBoxSection>
                  <Header className="palette-heading">{words.palette.messages}</Header>
                  {found.map((message) => (
                    <ListBoxItem
                      key={message.id}
                      id={`message:${message.id}`}
                      className="palette-row"
                      textValue={cleanLine(message.body)}
                    >
                      <span className="palette-icon">
                        <Icon of={MessageSquare} />
                      </span>
                      <span className="palette-message">
                        <Name className="palette-from">{conversations.get(message.conversationId)?.title ?? ''}</Name>
                        <Name className="palette-text">{excerpt(cleanLine(message.body), text)}</Name>
                      </span>
                      <span className="palette-aside">{formatListMoment(message.sentAt, now)}</span>
                    </ListBoxItem>
                  ))}
                </ListBoxSection>
              )}
              {matchingActions.length === 0 ? null : (
                <ListBoxSection>
                  <Header className="palette-heading">{words.palette.actions}</Header>
                  {matchingActions.map((action) => (
                    <ListBoxItem
                      key={action.id}
                      id={`action:${action.id}`}
                      className="palette-row"
                      textValue={action.label}
                    >
                      <span className="palette-icon">
                        <Icon of={action.icon} />
                      </span>
                      {action.label}
                    </ListBoxItem>
                  ))}
                </ListBoxSection>
              )}
            </ListBox>
          </Autocomplete>
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

/** Messages that hold the words, a moment after typing stops; an answer that comes too late is dropped. */
function useMessageSearch(text: string): readonly Message[] {
  const store = useStore();
  const [found, setFound] = useState<readonly Message[]>([]);
  const query = text.trim();
  useEffect(() => {
    if (query.length < 2) {
      setFound([]);
      return;
    }
    let current = true;
    const timer = setTimeout(() => {
      void store.call('messages.search', { text: query, limit: 20 }).then((result) => {
        if (current && result.ok) setFound(result.value);
      });
    }, 120);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [store, query]);
  return found;
}
