/** Nothing leaves unencrypted before the person has said so, once for this contact. */
import { LockOpen } from 'lucide-react';
import type { Conversation } from '../../../shared/model.ts';
import { chat } from '../../i18n/chat.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useStore } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Problem } from '../../ui/problem.tsx';

export function PlainConsent({ conversation, name }: { conversation: Conversation; name: string }) {
  const store = useStore();
  const { ask, busy, error } = useAsk('conversations.allowPlain');

  async function agree(): Promise<void> {
    const result = await ask({ conversationId: conversation.id, allow: true });
    if (result.ok) store.apply({ type: 'conversation', conversation: result.value });
  }
  return (
    <section className="plain-consent" aria-label={chat.lock.none}>
      <Icon of={LockOpen} />
      <div className="plain-consent-text">
        <p>
          <strong>{chat.plain.title(name)}</strong>
        </p>
        <p className="muted">{chat.plain.text}</p>
        {error === null ? null : <Problem error={error} />}
      </div>
      <Button kind="danger" isDisabled={busy} onPress={() => void agree()}>
        {chat.plain.agree}
      </Button>
    </section>
  );
}
