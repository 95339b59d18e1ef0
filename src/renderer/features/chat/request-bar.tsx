/** In the conversation itself: somebody asks to be a contact, or has not answered yet. */
import type { Contact } from '../../../shared/model.ts';
import { chat } from '../../i18n/chat.ts';
import { conversations } from '../../i18n/conversations.ts';
import { useAsk } from '../../state/use-ask.ts';
import { Button } from '../../ui/button.tsx';
import { cleanLine } from '../../ui/clean-text.ts';
import { Problem } from '../../ui/problem.tsx';

export function RequestBar({ contact }: { contact: Contact }) {
  const { ask, busy, error } = useAsk('contacts.answerRequest');
  const name = cleanLine(contact.name);
  if (contact.subscription === 'pending-out') {
    return <p className="request-bar muted small">{chat.request.outgoing(name)}</p>;
  }
  if (contact.subscription !== 'pending-in') return null;
  return (
    <div className="request-bar">
      <p>{chat.request.incoming(name)}</p>
      {error === null ? null : <Problem error={error} />}
      <Button small kind="primary" isDisabled={busy} onPress={() => void ask({ contactId: contact.id, accept: true })}>
        {conversations.accept}
      </Button>
      <Button small isDisabled={busy} onPress={() => void ask({ contactId: contact.id, accept: false })}>
        {conversations.decline}
      </Button>
    </div>
  );
}
