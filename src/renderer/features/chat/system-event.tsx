/** What happened, as opposed to what somebody said: centred, small, without a bubble. */
import { Info, KeyRound, type LucideIcon, Route, ShieldAlert, TriangleAlert } from 'lucide-react';
import type { Message } from '../../../shared/model.ts';
import { chat } from '../../i18n/chat.ts';
import { formatMoment, formatTime } from '../../i18n/dates.ts';
import { cleanText } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';

const icons: Record<Exclude<Message['kind'], 'text'>, LucideIcon> = {
  undecryptable: ShieldAlert,
  gap: TriangleAlert,
  'new-device': KeyRound,
  'route-change': Route,
  info: Info,
};

export function SystemEvent({ message }: { message: Message }) {
  if (message.kind === 'text') return null;
  return (
    <div className="system-event" data-kind={message.kind}>
      <Icon of={icons[message.kind]} size={14} />
      <span dir="auto">{message.body === '' ? chat.eventWords[message.kind] : cleanText(message.body)}</span>
      <time title={formatMoment(message.sentAt)}>{formatTime(message.sentAt)}</time>
    </div>
  );
}
