/** Receipts and read markers that cannot be encrypted: never without the person's word, for this contact alone. */
import type { Contact, Conversation } from '../../../shared/model.ts';
import { devices as words } from '../../i18n/devices.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useStore } from '../../state/use-window.ts';
import { cleanLine } from '../../ui/clean-text.ts';
import { Problem } from '../../ui/problem.tsx';
import { Switch } from '../../ui/switch.tsx';

export function ClearSignals({ conversation, contact }: { conversation: Conversation; contact: Contact }) {
  const store = useStore();
  const { ask, error } = useAsk('conversations.allowClearSignals');
  const plain = conversation.encryption === 'none';
  const legacy = contact.devices.some((device) => device.receives && device.encryption === 'omemo-legacy');
  if (!plain && !legacy) return null;

  async function change(allow: boolean): Promise<void> {
    const result = await ask({ conversationId: conversation.id, allow });
    if (result.ok) store.apply({ type: 'conversation', conversation: result.value });
  }
  return (
    <>
      <Switch
        label={words.clearSignals(cleanLine(contact.name))}
        hint={plain ? words.clearSignalsPlain : words.clearSignalsLegacy}
        selected={conversation.clearSignalsAllowed}
        onChange={(allow) => void change(allow)}
      />
      {error === null ? null : <Problem error={error} />}
    </>
  );
}
