/** An invitation as a code to scan and a link to send, with the moment it ends. */
import { useCallback, useEffect, useState } from 'react';
import type { Invitation } from '../../../shared/model.ts';
import { contacts as words } from '../../i18n/contacts.ts';
import { formatMoment } from '../../i18n/dates.ts';
import { useAsk } from '../../state/use-ask.ts';
import { Button } from '../../ui/button.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Problem } from '../../ui/problem.tsx';
import { QrCode } from './qr-code.tsx';

export function InvitationPanel() {
  const { ask, busy, error } = useAsk('invitations.create');
  const [invitation, setInvitation] = useState<Invitation | null>(null);
  const create = useCallback(async () => {
    const result = await ask({});
    if (result.ok) setInvitation(result.value);
  }, [ask]);

  return (
    <div className="invitation">
      <p className="muted">{words.inviteText}</p>
      {error === null ? null : <Problem error={error} />}
      {invitation === null ? (
        <Button kind="primary" isDisabled={busy} onPress={() => void create()}>
          {words.makeInvitation}
        </Button>
      ) : (
        <Made invitation={invitation} busy={busy} onNew={() => void create()} />
      )}
    </div>
  );
}

function Made({ invitation, busy, onNew }: { invitation: Invitation; busy: boolean; onNew: () => void }) {
  const expired = useExpired(invitation.expiresAt);
  return (
    <>
      <div className="invitation-code" data-expired={expired || undefined}>
        <QrCode text={invitation.link} label={words.inviteQr} />
      </div>
      <output className="invitation-link" aria-label={words.inviteLink} dir="ltr">
        {invitation.link}
      </output>
      <p className="muted small">
        {expired ? words.inviteExpired : words.inviteExpires(formatMoment(invitation.expiresAt))}
      </p>
      <div className="actions">
        <Button isDisabled={busy} onPress={onNew}>
          {words.newInvitation}
        </Button>
        {expired ? null : <CopyButton text={invitation.link} label={words.copyLink} autoFocus />}
      </div>
    </>
  );
}

function useExpired(expiresAt: number): boolean {
  const [expired, setExpired] = useState(() => Date.now() >= expiresAt);
  useEffect(() => {
    const left = expiresAt - Date.now();
    setExpired(left <= 0);
    if (left <= 0) return;
    // A timer holds at most 2³¹ − 1 milliseconds.
    const timer = setTimeout(() => setExpired(Date.now() >= expiresAt), Math.min(left, 2_147_483_647));
    return () => clearTimeout(timer);
  }, [expiresAt]);
  return expired;
}
