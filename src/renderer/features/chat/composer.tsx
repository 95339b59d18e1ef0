/** Where one writes. The hint line says where the next message goes and what protects it. */
import { SendHorizontal } from 'lucide-react';
import { type KeyboardEvent, useEffect, useEffectEvent, useId, useRef, useState } from 'react';
import type { AppError } from '../../../shared/errors.ts';
import type { Conversation, MessageId } from '../../../shared/model.ts';
import type { RoutePlan } from '../../../shared/routing.ts';
import { chat } from '../../i18n/chat.ts';
import { useNavigation } from '../../state/navigation.ts';
import { useStore } from '../../state/use-window.ts';
import { IconButton } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Problem } from '../../ui/problem.tsx';
import { LinkTextBar } from '../links/link-text-bar.tsx';
import { RouteIcon } from './route-icon.tsx';
import { hintWords } from './route-words.ts';
import { isFirstTime, useDraft } from './use-draft.ts';

/** `put`: it is in the box, which was empty. */
interface LinkText {
  readonly text: string;
  readonly put: boolean;
}

interface ComposerProps {
  readonly conversation: Conversation;
  readonly plan: RoutePlan;
  readonly server: string | null;
  readonly name: string;
  /** A device of theirs gets nothing before the person has checked it. */
  readonly waitsForCheck: boolean;
}

export function Composer({ conversation, plan, server, name, waitsForCheck }: ComposerProps) {
  const store = useStore();
  const hintId = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const { draft, setDraft } = useDraft(conversation);
  const [error, setError] = useState<AppError | null>(null);
  // The same text tried again keeps its id, so that it cannot arrive twice.
  const attempt = useRef<{ readonly id: MessageId; readonly body: string } | null>(null);

  const { write } = useNavigation().place;
  const [linkText, setLinkText] = useState<LinkText | null>(null);
  const begin = useEffectEvent((from: NonNullable<typeof write>) => {
    const { text, byLink = false } = from;
    const empty = draft.trim() === '';
    if (!byLink || (text === undefined && empty)) field.current?.focus();
    if (text === undefined || !isFirstTime(from)) return;
    if (empty) setDraft(text);
    if (byLink) setLinkText({ text, put: empty });
  });
  useEffect(() => {
    if (write !== null) begin(write);
  }, [write]);
  // Sent or deleted: nothing of it is left to be told of.
  const linkTextGone = linkText?.put === true && draft.trim() === '';
  useEffect(() => {
    if (linkTextGone) setLinkText(null);
  }, [linkTextGone]);

  function closeLinkText(changed: string): void {
    setDraft(changed);
    setLinkText(null);
    field.current?.focus();
  }

  async function send(): Promise<void> {
    const body = draft.trim();
    if (body === '') return;
    setDraft('');
    setError(null);
    const id = attempt.current?.body === body ? attempt.current.id : (crypto.randomUUID() as MessageId);
    attempt.current = { id, body };
    const route = { preference: conversation.routePreference, direct: plan.direct, server: plan.server };
    const result = await store.call('messages.send', { conversationId: conversation.id, id, body, route });
    if (result.ok) {
      attempt.current = null;
      store.apply({ type: 'message', message: result.value });
      return;
    }
    setError(result.error);
    setDraft((current) => (current === '' ? body : `${body}\n${current}`));
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>): void {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  }
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {error === null ? null : (
        <Problem error={error}>
          <p className="muted small">{chat.composer.notSent}</p>
        </Problem>
      )}
      {linkText === null ? null : (
        <LinkTextBar
          state={linkText.put ? 'put' : 'offered'}
          onRemove={() => closeLinkText(linkText.put ? '' : draft)}
          onAdd={() => closeLinkText(`${draft.trimEnd()}\n${linkText.text}`)}
        />
      )}
      <div className="composer-box">
        <textarea
          ref={field}
          className="composer-field"
          rows={1}
          dir="auto"
          aria-label={chat.composer.label(name)}
          aria-describedby={hintId}
          placeholder={chat.composer.placeholder}
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <span className="composer-send" data-ready={draft.trim() !== '' || undefined}>
          <IconButton type="submit" label={chat.composer.send} isDisabled={draft.trim() === ''}>
            <Icon of={SendHorizontal} />
          </IconButton>
        </span>
      </div>
      <p className="composer-hint" id={hintId} data-plain={conversation.encryption === 'none' || undefined}>
        <RouteIcon route={plan.summary} size={13} />
        {hintWords(plan, conversation.routePreference, conversation.encryption, server, waitsForCheck)}
      </p>
    </form>
  );
}
