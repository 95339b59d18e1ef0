/** One message: its words, its time, its true state, and its route where that changed. */
import { LockOpen, RotateCw, Undo2 } from 'lucide-react';
import { memo } from 'react';
import type { AppError } from '../../../shared/errors.ts';
import type { Message } from '../../../shared/model.ts';
import { chat } from '../../i18n/chat.ts';
import { formatMoment, formatTime } from '../../i18n/dates.ts';
import { useNavigation } from '../../state/navigation.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useConversation, useStore } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { cleanText } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';
import { useAnnounce } from '../../ui/live-region.tsx';
import { ProblemDetails } from '../../ui/problem.tsx';
import { LinkifiedText } from './linkified-text.tsx';
import { RouteIcon } from './route-icon.tsx';
import { StateIcon } from './state-icon.tsx';
import type { MessageRow } from './timeline-rows.ts';

const routeWords = {
  direct: chat.route.travelledDirect,
  server: chat.route.travelledServer,
  both: chat.route.travelledBoth,
};

interface MessageBubbleProps {
  readonly row: MessageRow;
  readonly name: string;
  readonly focused: boolean;
}

export const MessageBubble = memo(function MessageBubble({ row, name, focused }: MessageBubbleProps) {
  const { message } = row;
  const own = message.direction === 'out';
  // Said with every such message: anyone on the way may have written it, also among encrypted ones.
  const plain = message.encryption === 'none';
  return (
    <div className="message" data-own={own || undefined} data-start={row.groupStart || undefined}>
      <div className="bubble" data-start={row.groupStart || undefined} data-end={row.groupEnd || undefined}>
        <span className="visually-hidden">{own ? chat.youSaid : chat.theySaid(name)} </span>
        <span className="bubble-text" dir="auto">
          <LinkifiedText conversationId={message.conversationId} text={message.body} reachable={focused} />
        </span>
        <span className={row.showMeta || plain ? 'bubble-meta' : 'visually-hidden'}>
          {plain ? (
            <span className="bubble-plain">
              <Icon of={LockOpen} size={13} />
              {chat.notEncrypted}
            </span>
          ) : null}
          {row.routeChanged && message.route !== null ? (
            <span title={routeWords[message.route]}>
              <RouteIcon route={message.route} size={13} label={routeWords[message.route]} />
            </span>
          ) : null}
          <time dateTime={new Date(message.sentAt).toISOString()} title={formatMoment(message.sentAt)}>
            {formatTime(message.sentAt)}
          </time>
          {own ? <StateIcon state={message.state} /> : null}
        </span>
      </div>
      {message.state === 'failed' ? <Failure row={row} focused={focused} /> : null}
      {message.state === 'queued' && message.failure !== null ? <Waiting row={row} focused={focused} /> : null}
    </div>
  );
});

const wordsOf = ({ what, action }: AppError): string => `${cleanText(what)} ${cleanText(action)}`.trim();

/** What it waits for, said once under a group, and the way to take each of it back. */
function Waiting({ row, focused }: { row: MessageRow; focused: boolean }) {
  const { discard, busy, error } = useDiscard(row.message);
  const { failure } = row.message;
  return (
    <div className="waiting-reason">
      {row.groupEnd && failure !== null ? <p>{wordsOf(failure)}</p> : null}
      {error === null ? null : <p role="alert">{wordsOf(error)}</p>}
      <DiscardButton focused={focused} isDisabled={busy} onPress={() => void discard()} />
    </div>
  );
}

interface DiscardButtonProps {
  readonly focused: boolean;
  readonly isDisabled: boolean;
  readonly onPress: () => void;
}

function DiscardButton({ focused, ...props }: DiscardButtonProps) {
  return (
    <Button small kind="quiet" excludeFromTabOrder={!focused} {...props}>
      <Icon of={Undo2} size={14} />
      {chat.discard}
    </Button>
  );
}

function useDiscard(message: Message) {
  const { ask, busy, error } = useAsk('messages.discard');
  const { go } = useNavigation();
  const announce = useAnnounce();
  const conversation = useConversation(message.conversationId);

  async function discard(): Promise<void> {
    const result = await ask({ messageId: message.id });
    if (!result.ok) return;
    announce(conversation?.draft.trim() === '' ? chat.discardedToBox : chat.discarded);
    go({ type: 'write', text: message.body });
  }
  return { discard, busy, error };
}

function Failure({ row, focused }: { row: MessageRow; focused: boolean }) {
  const store = useStore();
  const { ask, busy, error } = useAsk('messages.retry');
  const taking = useDiscard(row.message);
  const failure = error ?? taking.error ?? row.message.failure;
  // A device has it then, and may yet be able to read it.
  const canDiscard = row.message.failure?.code !== 'encryption.unreadable';

  async function retry(): Promise<void> {
    const result = await ask({ messageId: row.message.id });
    if (result.ok) store.apply({ type: 'message', message: result.value });
  }
  return (
    <div className="failure">
      <div>
        <p>
          <strong>{chat.stateWords.failed}.</strong> {failure === null ? null : wordsOf(failure)}
        </p>
        {failure === null ? null : <ProblemDetails error={failure} reachable={focused} />}
      </div>
      <Button small isDisabled={busy} excludeFromTabOrder={!focused} onPress={() => void retry()}>
        <Icon of={RotateCw} size={14} />
        {chat.retry}
      </Button>
      {canDiscard ? (
        <DiscardButton focused={focused} isDisabled={taking.busy} onPress={() => void taking.discard()} />
      ) : null}
    </div>
  );
}
