/** The middle pane: header, history, and where one writes. */
import { MessageSquareDashed } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { Conversation as ConversationModel } from '../../../shared/model.ts';
import { routeConversation } from '../../../shared/routing.ts';
import { chat } from '../../i18n/chat.ts';
import { useNavigation } from '../../state/navigation.ts';
import { useContact, useStatus, useStore, useTimeline } from '../../state/use-window.ts';
import { cleanLine } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';
import { waitingForCheck } from '../devices/device-standing.ts';
import { TrustBar } from '../trust/trust-bar.tsx';
import { Composer } from './composer.tsx';
import { ConversationHeader } from './conversation-header.tsx';
import { MessageList } from './message-list.tsx';
import { PlainConsent } from './plain-consent.tsx';
import { RequestBar } from './request-bar.tsx';
import { domainOf } from './route-words.ts';
import { isFirstTime } from './use-draft.ts';
import './conversation.css';

export function Conversation({ conversation }: { conversation: ConversationModel }) {
  const store = useStore();
  const { place } = useNavigation();
  const contact = useContact(conversation.contactId);
  const account = useStatus().account;
  const timeline = useTimeline(conversation.id);
  const [firstUnread] = useState(conversation.firstUnread);
  const [unreadAtOpening] = useState(conversation.unread);
  const target = place.target?.message.conversationId === conversation.id ? place.target : null;

  useEffect(() => {
    if (target === null) void store.openTimeline(conversation.id, unreadAtOpening);
    else void store.openAround(target.message);
  }, [store, conversation.id, target, unreadAtOpening]);

  const plan = routeConversation(conversation.routePreference, conversation.reach);
  const server = account === null ? null : domainOf(account.jid);
  const name = cleanLine(conversation.title);
  const needsConsent = conversation.encryption === 'none' && !conversation.plainAllowed;

  const { write } = place;
  useEffect(() => {
    // No composer to put it into: it waits as a draft.
    if (!needsConsent || write?.text === undefined || conversation.draft !== '' || !isFirstTime(write)) return;
    void store.call('conversations.setDraft', { conversationId: conversation.id, draft: write.text });
  }, [store, conversation.id, conversation.draft, needsConsent, write]);
  return (
    <section className="conversation" aria-label={chat.conversationWith(name)}>
      <ConversationHeader conversation={conversation} contact={contact} plan={plan} server={server} />
      {contact === undefined ? null : <RequestBar contact={contact} />}
      <div className="conversation-history">
        {timeline?.loaded !== true ? null : timeline.messages.length === 0 ? (
          <p className="no-messages">
            <Icon of={MessageSquareDashed} size={24} />
            {chat.nothingYet(name)}
          </p>
        ) : (
          <MessageList
            conversation={conversation}
            contact={contact}
            timeline={timeline}
            name={name}
            firstUnread={firstUnread}
            target={target}
          />
        )}
      </div>
      {contact === undefined || conversation.encryption === 'none' ? null : <TrustBar contact={contact} />}
      {needsConsent ? (
        <PlainConsent conversation={conversation} name={name} />
      ) : (
        <Composer
          conversation={conversation}
          plan={plan}
          server={server}
          name={name}
          waitsForCheck={waitingForCheck(contact).length > 0}
        />
      )}
    </section>
  );
}
