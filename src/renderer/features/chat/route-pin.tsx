/** The person's own choice of route for one conversation. */
import type { Conversation } from '../../../shared/model.ts';
import type { RoutePreference } from '../../../shared/routing.ts';
import { chat } from '../../i18n/chat.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useStore } from '../../state/use-window.ts';
import { Choices } from '../../ui/choices.tsx';
import { Problem } from '../../ui/problem.tsx';

const choices = [
  { value: 'automatic', label: chat.route.automatic, hint: chat.route.automaticHint },
  { value: 'direct', label: chat.route.onlyDirect, hint: chat.route.onlyDirectHint },
  { value: 'server', label: chat.route.onlyServer, hint: chat.route.onlyServerHint },
] as const;

export function RoutePin({ conversation }: { conversation: Conversation }) {
  const store = useStore();
  const { ask, error } = useAsk('conversations.setRoute');

  async function pin(preference: RoutePreference): Promise<void> {
    const result = await ask({ conversationId: conversation.id, preference });
    if (result.ok) store.apply({ type: 'conversation', conversation: result.value });
  }
  return (
    <>
      <Choices
        label={chat.route.pinTitle}
        value={conversation.routePreference}
        choices={choices}
        onChange={(preference) => void pin(preference)}
      />
      {error === null ? null : <Problem error={error} />}
    </>
  );
}
