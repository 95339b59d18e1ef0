/** People who ask to be contacts: answered here, where they cannot be overlooked. */
import { useMemo } from 'react';
import { Group } from 'react-aria-components/Group';
import type { Contact } from '../../../shared/model.ts';
import { conversations as words } from '../../i18n/conversations.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useWindow } from '../../state/use-window.ts';
import { Avatar } from '../../ui/avatar.tsx';
import { Button } from '../../ui/button.tsx';
import { cleanLine } from '../../ui/clean-text.ts';
import { Name } from '../../ui/name.tsx';
import { Problem } from '../../ui/problem.tsx';

export function Requests() {
  const contacts = useWindow((state) => state.contacts);
  const asking = useMemo(
    () => [...contacts.values()].filter((contact) => contact.subscription === 'pending-in'),
    [contacts],
  );
  if (asking.length === 0) return null;
  return (
    <section className="requests" aria-label={words.requests}>
      {asking.map((contact) => (
        <Request key={contact.id} contact={contact} />
      ))}
    </section>
  );
}

function Request({ contact }: { contact: Contact }) {
  const { ask, busy, error } = useAsk('contacts.answerRequest');
  const answer = (accept: boolean) => void ask({ contactId: contact.id, accept });
  return (
    <Group className="request" aria-label={words.requestFrom(cleanLine(contact.name))}>
      <div className="request-who">
        <Avatar name={contact.name} address={contact.jid ?? contact.xid ?? contact.name} size={36} />
        <div className="request-text">
          <Name className="request-name">{contact.name}</Name>
          <span className="muted small">{words.requests}</span>
        </div>
      </div>
      {contact.jid === null || contact.jid === contact.name ? null : (
        <Name className="muted small request-address">{contact.jid}</Name>
      )}
      {error === null ? null : <Problem error={error} />}
      <div className="request-actions">
        <Button small kind="primary" isDisabled={busy} onPress={() => answer(true)}>
          {words.accept}
        </Button>
        <Button small isDisabled={busy} onPress={() => answer(false)}>
          {words.decline}
        </Button>
      </div>
    </Group>
  );
}
