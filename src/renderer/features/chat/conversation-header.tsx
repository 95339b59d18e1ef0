import { ArrowLeft, Hourglass, Lock, LockOpen, type LucideIcon, ShieldAlert, ShieldCheck } from 'lucide-react';
import { Button as AriaButton } from 'react-aria-components/Button';
import type { Contact, Conversation } from '../../../shared/model.ts';
import type { RoutePlan } from '../../../shared/routing.ts';
import { chat } from '../../i18n/chat.ts';
import { useNavigation } from '../../state/navigation.ts';
import { Avatar } from '../../ui/avatar.tsx';
import { IconButton } from '../../ui/button.tsx';
import { cleanLine } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';
import { Name } from '../../ui/name.tsx';
import { type Lock as LockWord, lockOf } from './lock.ts';
import { RouteChip } from './route-chip.tsx';

const lockIcons: Record<LockWord, LucideIcon> = {
  verified: ShieldCheck,
  encrypted: Lock,
  unverified: ShieldAlert,
  none: LockOpen,
  pending: Hourglass,
};

interface ConversationHeaderProps {
  readonly conversation: Conversation;
  readonly contact: Contact | undefined;
  readonly plan: RoutePlan;
  readonly server: string | null;
}

export function ConversationHeader({ conversation, contact, plan, server }: ConversationHeaderProps) {
  const { place, go } = useNavigation();
  const lock = lockOf(conversation, contact);
  const togglePerson = () => go({ type: 'panel', panel: place.panel === 'person' ? null : 'person' });
  return (
    <header className="conversation-header">
      <span className="only-narrow">
        <IconButton label={chat.backToList} onPress={() => go({ type: 'close-conversation' })}>
          <Icon of={ArrowLeft} />
        </IconButton>
      </span>
      <AriaButton
        className="header-person"
        onPress={togglePerson}
        aria-label={chat.showPerson(cleanLine(conversation.title))}
        aria-expanded={place.panel === 'person'}
      >
        <Avatar name={conversation.title} address={contact?.jid ?? contact?.xid ?? conversation.title} size={36} />
      </AriaButton>
      <div className="header-text">
        <h2 className="header-name">
          <Name>{conversation.title}</Name>
        </h2>
        <AriaButton
          className="lock"
          data-lock={lock}
          onPress={togglePerson}
          aria-label={chat.lock.label(chat.lock[lock])}
          aria-expanded={place.panel === 'person'}
        >
          <Icon of={lockIcons[lock]} size={14} />
          {chat.lock[lock]}
        </AriaButton>
      </div>
      <RouteChip conversation={conversation} plan={plan} server={server} />
    </header>
  );
}
