import { Hourglass, LockOpen, type LucideIcon, ShieldAlert, TriangleAlert, UserPlus, Users } from 'lucide-react';
import { useMemo } from 'react';
import { ListBox, ListBoxItem } from 'react-aria-components/ListBox';
import { ListLayout, Virtualizer } from 'react-aria-components/Virtualizer';
import type { Contact, Conversation } from '../../../shared/model.ts';
import { routeConversation } from '../../../shared/routing.ts';
import { chat } from '../../i18n/chat.ts';
import { conversations as words } from '../../i18n/conversations.ts';
import { formatListMoment, formatMoment } from '../../i18n/dates.ts';
import { formatNumber } from '../../i18n/plural.ts';
import { useNavigation } from '../../state/navigation.ts';
import { useNow } from '../../state/use-now.ts';
import { useWindow } from '../../state/use-window.ts';
import { Avatar } from '../../ui/avatar.tsx';
import { Button } from '../../ui/button.tsx';
import { cleanLine } from '../../ui/clean-text.ts';
import { EmptyState } from '../../ui/empty-state.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Name } from '../../ui/name.tsx';
import { type Lock, lockOf } from '../chat/lock.ts';
import { RouteIcon } from '../chat/route-icon.tsx';
import { StateIcon } from '../chat/state-icon.tsx';

const rowHeight = 64;

interface Row {
  readonly id: Conversation['id'];
  readonly conversation: Conversation;
  readonly contact: Contact | undefined;
}

export function ConversationList() {
  const conversations = useWindow((state) => state.conversations);
  const contacts = useWindow((state) => state.contacts);
  const { place, go } = useNavigation();
  const now = useNow();
  const rows = useMemo(
    () =>
      [...conversations.values()]
        .sort((a, b) => b.updatedAt - a.updatedAt)
        .map((conversation) => ({
          id: conversation.id,
          conversation,
          contact: contacts.get(conversation.contactId),
        })),
    [conversations, contacts],
  );
  if (rows.length === 0) {
    // Someone who asks is answered first; their request stands above.
    if ([...contacts.values()].some((contact) => contact.subscription === 'pending-in')) return null;
    return (
      <EmptyState
        icon={Users}
        title={words.emptyTitle}
        actions={
          <Button kind="primary" onPress={() => go({ type: 'dialog', dialog: { name: 'add-contact' } })}>
            <Icon of={UserPlus} />
            {words.addContact}
          </Button>
        }
      >
        {words.emptyText}
      </EmptyState>
    );
  }
  return (
    <Virtualizer layout={ListLayout} layoutOptions={{ rowHeight, padding: 8 }}>
      <ListBox
        className="conversation-list"
        aria-label={words.listLabel}
        items={rows}
        dependencies={[now]}
        selectionMode="single"
        selectionBehavior="replace"
        disallowEmptySelection={false}
        selectedKeys={place.conversationId === null ? [] : [place.conversationId]}
        onSelectionChange={(keys) => {
          const id = keys === 'all' ? undefined : rows.find((row) => keys.has(row.id))?.id;
          if (id !== undefined && id !== place.conversationId) go({ type: 'open', conversationId: id, browsing: true });
        }}
        onAction={(key) => {
          const row = rows.find((candidate) => candidate.id === key);
          if (row !== undefined) go({ type: 'open', conversationId: row.id });
        }}
      >
        {(row) => (
          <ListBoxItem
            className="conversation-row"
            textValue={cleanLine(row.conversation.title)}
            onClick={() => go({ type: 'open', conversationId: row.id })}
          >
            <ConversationRow row={row} now={now} />
          </ListBoxItem>
        )}
      </ListBox>
    </Virtualizer>
  );
}

/** Only what one should know before writing is worth a place in the list. */
const lockMarks: Record<Lock, LucideIcon | null> = {
  verified: null,
  encrypted: null,
  unverified: ShieldAlert,
  none: LockOpen,
  pending: Hourglass,
};

function ConversationRow({ row, now }: { row: Row; now: number }) {
  const { conversation, contact } = row;
  const last = conversation.lastMessage;
  const plan = routeConversation(conversation.routePreference, conversation.reach);
  const lock = lockOf(conversation, contact);
  const mark = lockMarks[lock];
  return (
    <>
      <span className="conversation-avatar">
        <Avatar name={conversation.title} address={contact?.jid ?? contact?.xid ?? conversation.title} />
        {plan.summary === 'direct' || plan.summary === 'both' ? (
          <span className="conversation-near">
            <RouteIcon route="direct" size={12} label={chat.route.direct} />
          </span>
        ) : null}
      </span>
      <span className="conversation-main">
        <span className="conversation-line">
          <Name className="conversation-title">{conversation.title}</Name>
          {mark === null ? null : <Icon of={mark} size={13} label={chat.lock[lock]} />}
          <time className="conversation-time" title={formatMoment(conversation.updatedAt)}>
            {formatListMoment(conversation.updatedAt, now)}
          </time>
        </span>
        <span className="conversation-line">
          <Preview conversation={conversation} />
          {last?.direction === 'out' && last.kind === 'text' && conversation.draft === '' ? (
            <span className="conversation-state" data-failed={last.state === 'failed' || undefined}>
              <StateIcon state={last.state} size={14} />
            </span>
          ) : null}
          {conversation.unread > 0 ? (
            <span className="unread-count">
              <span aria-hidden="true">{formatNumber(conversation.unread)}</span>
              <span className="visually-hidden">{words.unread(conversation.unread)}</span>
            </span>
          ) : null}
        </span>
      </span>
    </>
  );
}

function Preview({ conversation }: { conversation: Conversation }) {
  const last = conversation.lastMessage;
  if (conversation.draft !== '') {
    return (
      <span className="conversation-preview">
        <span className="conversation-draft">{words.draft}</span>
        <Name className="conversation-words">{conversation.draft}</Name>
      </span>
    );
  }
  if (last === null) return <span className="conversation-preview">{words.noMessages}</span>;
  if (last.kind !== 'text') {
    return (
      <span className="conversation-preview" data-event>
        {last.kind === 'undecryptable' || last.kind === 'gap' ? <Icon of={TriangleAlert} size={13} /> : null}
        <Name className="conversation-words">{last.body === '' ? chat.eventWords[last.kind] : last.body}</Name>
      </span>
    );
  }
  return (
    <span className="conversation-preview">
      {last.direction === 'out' ? <span>{words.you}</span> : null}
      <Name className="conversation-words">{last.body.slice(0, 200)}</Name>
    </span>
  );
}
