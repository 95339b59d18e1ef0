/** Left pane: oneself, search, requests, conversations. */
import { Search, Settings, UserPlus } from 'lucide-react';
import { Button as AriaButton } from 'react-aria-components/Button';
import { conversations as words } from '../../i18n/conversations.ts';
import { useNavigation } from '../../state/navigation.ts';
import { useStatus } from '../../state/use-window.ts';
import { Avatar } from '../../ui/avatar.tsx';
import { IconButton } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Name } from '../../ui/name.tsx';
import { connectionTone, connectionWords } from './connection-words.ts';
import { ConversationList } from './conversation-list.tsx';
import { Requests } from './requests.tsx';
import './sidebar.css';

export function Sidebar() {
  const { go } = useNavigation();
  return (
    <nav className="sidebar" aria-label={words.sidebar}>
      <OwnHeader />
      <div className="sidebar-search">
        <AriaButton className="search-button" onPress={() => go({ type: 'dialog', dialog: { name: 'palette' } })}>
          <Icon of={Search} size={16} />
          <span>{words.search}</span>
        </AriaButton>
        <IconButton label={words.addContact} onPress={() => go({ type: 'dialog', dialog: { name: 'add-contact' } })}>
          <Icon of={UserPlus} />
        </IconButton>
      </div>
      <Requests />
      <ConversationList />
    </nav>
  );
}

function OwnHeader() {
  const status = useStatus();
  const { go } = useNavigation();
  const name = status.self?.name ?? '';
  const address = status.account?.jid ?? status.self?.xid ?? name;
  return (
    <header className="own-header">
      <Avatar name={name} address={address} size={36} />
      <div className="own-text">
        <Name className="own-name">{name}</Name>
        <span className="own-state" data-tone={connectionTone(status)} role="status">
          <span className="own-dot" />
          {connectionWords(status)}
        </span>
      </div>
      <IconButton label={words.openSettings} onPress={() => go({ type: 'dialog', dialog: { name: 'settings' } })}>
        <Icon of={Settings} />
      </IconButton>
    </header>
  );
}
