/** In the conversation, by what one writes with: who gets nothing of it until they have been checked. */
import { ShieldAlert } from 'lucide-react';
import type { Contact, Device } from '../../../shared/model.ts';
import { trust as words } from '../../i18n/trust.ts';
import { useNavigation } from '../../state/navigation.ts';
import { Button } from '../../ui/button.tsx';
import { cleanLine } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';
import { deviceName, waitingForCheck } from '../devices/device-standing.ts';
import './trust.css';

export function TrustBar({ contact }: { contact: Contact }) {
  const { go } = useNavigation();
  const waiting = waitingForCheck(contact);
  const first = waiting[0];
  if (first === undefined) return null;
  const nobodyGets = !contact.devices.some((device) => device.receives);
  return (
    <section className="trust-bar" role="status">
      <Icon of={ShieldAlert} />
      <p className="trust-bar-text">{wordsFor(contact, waiting, first, nobodyGets)}</p>
      <Button
        small
        kind={nobodyGets ? 'primary' : 'secondary'}
        onPress={() => go({ type: 'dialog', dialog: { name: 'verify', owner: contact.id, device: first.ref } })}
      >
        {words.waiting.action}
      </Button>
    </section>
  );
}

function wordsFor(contact: Contact, waiting: readonly Device[], first: Device, nobodyGets: boolean): string {
  const name = cleanLine(contact.name);
  if (nobodyGets) return words.waiting.all(name);
  return waiting.length === 1 ? words.waiting.one(deviceName(first)) : words.waiting.some(waiting.length, name);
}
