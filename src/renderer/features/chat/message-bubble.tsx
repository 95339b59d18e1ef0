/** One message: its words, its time, its true state, and its route where that changed. */
import { LockOpen, RotateCw } from 'lucide-react';
import { memo } from 'react';
import { chat } from '../../i18n/chat.ts';
import { formatMoment, formatTime } from '../../i18n/dates.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useStore } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { cleanText } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';
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
          <LinkifiedText text={message.body} reachable={focused} />
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
      {message.state === 'queued' && message.failure !== null && row.groupEnd ? (
        <p className="waiting-reason">{`${cleanText(message.failure.what)} ${cleanText(message.failure.action)}`}</p>
      ) : null}
    </div>
  );
});

function Failure({ row, focused }: { row: MessageRow; focused: boolean }) {
  const store = useStore();
  const { ask, busy, error } = useAsk('messages.retry');
  const failure = error ?? row.message.failure;

  async function retry(): Promise<void> {
    const result = await ask({ messageId: row.message.id });
    if (result.ok) store.apply({ type: 'message', message: result.value });
  }
  return (
    <div className="failure">
      <div>
        <p>
          <strong>{chat.stateWords.failed}.</strong>{' '}
          {failure === null ? null : `${cleanText(failure.what)} ${cleanText(failure.action)}`}
        </p>
        {focused && failure !== null ? <ProblemDetails error={failure} /> : null}
      </div>
      <Button small isDisabled={busy} excludeFromTabOrder={!focused} onPress={() => void retry()}>
        <Icon of={RotateCw} size={14} />
        {chat.retry}
      </Button>
    </div>
  );
}
