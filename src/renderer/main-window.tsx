/** The three panes, the dialogs above them, and the keys that work everywhere. */
import { MessagesSquare } from 'lucide-react';
import { lazy, Suspense, useEffect, useMemo, useReducer } from 'react';
import { Conversation } from './features/chat/conversation.tsx';
import { useMessageAnnouncements } from './features/chat/use-message-announcements.ts';
import { Banners } from './features/conversations/banners.tsx';
import { Palette } from './features/conversations/palette.tsx';
import { Sidebar } from './features/conversations/sidebar.tsx';
import { LinkWaits } from './features/links/link-waits.tsx';
import { useOpenedLinks } from './features/links/use-opened-links.ts';
import { conversations as words } from './i18n/conversations.ts';
import { links } from './i18n/links.ts';
import { type DialogPlace, NavigationContext, navigate, nowhere } from './state/navigation.ts';
import { useConversation, useStatus, useWindow } from './state/use-window.ts';
import { EmptyState } from './ui/empty-state.tsx';
import './main-window.css';

// Not needed for the first sight of the window: read when it is idle, so that they still open at once.
const parts = {
  addContact: () => import('./features/contacts/add-contact.tsx'),
  linkProblem: () => import('./features/links/link-problem.tsx'),
  personPane: () => import('./features/contacts/person-pane.tsx'),
  settings: () => import('./features/settings/settings.tsx'),
  trustLink: () => import('./features/trust/trust-link-dialog.tsx'),
  verify: () => import('./features/trust/verify-dialog.tsx'),
};
const AddContact = lazy(async () => ({ default: (await parts.addContact()).AddContact }));
const LinkProblem = lazy(async () => ({ default: (await parts.linkProblem()).LinkProblem }));
const PersonPane = lazy(async () => ({ default: (await parts.personPane()).PersonPane }));
const Settings = lazy(async () => ({ default: (await parts.settings()).Settings }));
const TrustLinkDialog = lazy(async () => ({ default: (await parts.trustLink()).TrustLinkDialog }));
const VerifyDialog = lazy(async () => ({ default: (await parts.verify()).VerifyDialog }));

const goToKeys = navigator.userAgent.includes('Mac') ? '⌘ K' : 'Ctrl K';

export function MainWindow() {
  const [place, go] = useReducer(navigate, nowhere);
  const navigation = useMemo(() => ({ place, go }), [place]);
  const conversation = useConversation(place.conversationId);
  const hasConversations = useWindow((state) => state.conversations.size > 0);
  const hasAccount = useStatus().account !== null;
  useMessageAnnouncements();
  const linkWaits = useOpenedLinks(place, go);

  useEffect(() => {
    const idle = requestIdleCallback(() => void Promise.all(Object.values(parts).map((read) => read())));
    return () => cancelIdleCallback(idle);
  }, []);

  useEffect(() => {
    function onKeyDown(event: KeyboardEvent): void {
      if (event.defaultPrevented || event.isComposing) return;
      if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        if (place.dialog === null) go({ type: 'dialog', dialog: { name: 'palette' } });
        else if (place.dialog.name === 'palette') go({ type: 'dialog', dialog: null });
      } else if (event.key === 'Escape' && place.dialog === null) {
        if (place.panel !== null) go({ type: 'panel', panel: null });
        else if (place.conversationId !== null) go({ type: 'close-conversation' });
      }
    }
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, [place]);

  const closeDialog = () => go({ type: 'dialog', dialog: null });
  const open = conversation !== undefined;
  return (
    <NavigationContext value={navigation}>
      <div className="window">
        <header className="visually-hidden">
          <h1>Bothy</h1>
        </header>
        <Banners />
        <div className="panes" data-open={open || undefined} data-panel={place.panel ?? undefined}>
          <Sidebar />
          <main className="pane-middle">
            {conversation === undefined ? (
              <EmptyState icon={MessagesSquare} title={hasConversations ? words.pickTitle : words.hereTitle}>
                {hasConversations
                  ? words.pickText.replace('{keys}', goToKeys)
                  : hasAccount
                    ? words.hereText
                    : words.hereTextNearby}
              </EmptyState>
            ) : (
              <Conversation key={conversation.id} conversation={conversation} />
            )}
          </main>
          {conversation !== undefined && place.panel === 'person' ? (
            <Suspense>
              <PersonPane key={conversation.contactId} conversation={conversation} />
            </Suspense>
          ) : null}
        </div>
      </div>
      <Suspense>
        <CurrentDialog dialog={place.dialog} onClose={closeDialog} />
      </Suspense>
      {linkWaits ? <LinkWaits text={links.waiting} /> : null}
    </NavigationContext>
  );
}

function CurrentDialog({ dialog, onClose }: { dialog: DialogPlace | null; onClose: () => void }) {
  switch (dialog?.name) {
    case 'settings':
      return <Settings key={dialog.page ?? 'all'} page={dialog.page ?? null} onClose={onClose} />;
    case 'add-contact':
      return (
        <AddContact
          key={dialog.link ?? dialog.person?.address ?? ''}
          link={dialog.link ?? null}
          person={dialog.person ?? null}
          byLink={dialog.byLink === true}
          onClose={onClose}
        />
      );
    case 'verify':
      return <VerifyDialog owner={dialog.owner} device={dialog.device ?? null} onClose={onClose} />;
    case 'trust-link':
      return <TrustLinkDialog key={dialog.link} place={dialog} onClose={onClose} />;
    case 'link-problem':
      return <LinkProblem what={dialog.what} action={dialog.action} onClose={onClose} />;
    case 'palette':
      return <Palette onClose={onClose} />;
    case undefined:
      return null;
  }
}
