/** What happened, as opposed to what somebody said: centred, small, without a bubble. */
import { Info, KeyRound, type LucideIcon, Route, ShieldAlert, TriangleAlert } from 'lucide-react';
import type { Contact, Message } from '../../../shared/model.ts';
import { chat } from '../../i18n/chat.ts';
import { formatMoment, formatTime } from '../../i18n/dates.ts';
import { trust as words } from '../../i18n/trust.ts';
import { useNavigation } from '../../state/navigation.ts';
import { Button } from '../../ui/button.tsx';
import { cleanText } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';
import { deviceName } from '../devices/device-standing.ts';
import { TrustBadge } from '../devices/trust-badge.tsx';

const icons: Record<Exclude<Message['kind'], 'text'>, LucideIcon> = {
  undecryptable: ShieldAlert,
  gap: TriangleAlert,
  'new-device': KeyRound,
  'route-change': Route,
  info: Info,
};

interface SystemEventProps {
  readonly message: Message;
  readonly contact: Contact | undefined;
  /** Buttons are tab stops only in the event that has the focus. */
  readonly focused: boolean;
}

export function SystemEvent({ message, contact, focused }: SystemEventProps) {
  if (message.kind === 'text') return null;
  if (message.kind === 'new-device' && contact !== undefined) {
    return <NewDevice message={message} contact={contact} focused={focused} />;
  }
  return (
    <div className="system-event" data-kind={message.kind}>
      <Icon of={icons[message.kind]} size={14} />
      <span dir="auto">{message.body === '' ? chat.eventWords[message.kind] : cleanText(message.body)}</span>
      <time title={formatMoment(message.sentAt)}>{formatTime(message.sentAt)}</time>
    </div>
  );
}

/** Whoever has a new device may not be who they were: said so that it cannot be overlooked, with what to do. */
function NewDevice({ message, contact, focused }: SystemEventProps & { contact: Contact }) {
  const { go } = useNavigation();
  const device = contact.devices.find((candidate) => candidate.ref === message.senderDevice);
  const name = device === undefined || device.label === '' ? null : deviceName(device);
  const decided = device?.trust === 'verified' || device?.trust === 'distrusted';
  return (
    <div className="new-device">
      <span className="new-device-icon">
        <Icon of={KeyRound} />
      </span>
      <div className="new-device-text">
        <p className="new-device-title">
          <strong>{words.event.title}</strong>
          <time title={formatMoment(message.sentAt)}>{formatTime(message.sentAt)}</time>
        </p>
        <p dir="auto">{message.body === '' ? chat.eventWords['new-device'] : cleanText(message.body)}</p>
        {name === null ? null : <p className="muted small">{words.event.named(name)}</p>}
      </div>
      {decided && device !== undefined ? (
        <TrustBadge trust={device.trust} />
      ) : (
        <Button
          small
          kind="primary"
          excludeFromTabOrder={!focused}
          onPress={() =>
            go({
              type: 'dialog',
              dialog: { name: 'verify', owner: contact.id, ...(device === undefined ? {} : { device: device.ref }) },
            })
          }
        >
          {words.event.check}
        </Button>
      )}
    </div>
  );
}
