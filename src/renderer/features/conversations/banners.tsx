/** What concerns the whole window: notices, and an account that is not connected. */
import { CloudOff, Info, KeyRound, TriangleAlert, X } from 'lucide-react';
import { useState } from 'react';
import type { ErrorCode } from '../../../shared/errors.ts';
import type { AccountStatus, Notice } from '../../../shared/model.ts';
import { conversations as words } from '../../i18n/conversations.ts';
import { ui } from '../../i18n/ui.ts';
import { useNavigation } from '../../state/navigation.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useStatus } from '../../state/use-window.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { cleanText } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';
import { ProblemDetails } from '../../ui/problem.tsx';
import { SignInAgain } from '../onboarding/sign-in-again.tsx';
import './banners.css';

export function Banners() {
  const status = useStatus();
  return (
    <div className="banners">
      {status.notices.map((notice) => (
        <NoticeBanner key={notice.id} notice={notice} />
      ))}
      {status.account?.transport.state === 'failing' ? (
        <AccountBanner account={status.account} nearby={status.nearby.enabled} />
      ) : null}
    </div>
  );
}

const aboutOwnDevices: ReadonlySet<ErrorCode> = new Set([
  'encryption.new-own-device',
  'encryption.removed-device-back',
  'encryption.own-device-judged',
]);

function NoticeBanner({ notice }: { notice: Notice }) {
  const { ask } = useAsk('app.dismissNotice');
  const { go } = useNavigation();
  return (
    <div className="banner" data-level={notice.level} role={notice.level === 'info' ? 'status' : 'alert'}>
      <Icon of={notice.level === 'info' ? Info : TriangleAlert} />
      <div className="banner-text">
        <p>
          <strong>{cleanText(notice.error.what)}</strong> {cleanText(notice.error.action)}
        </p>
        <ProblemDetails error={notice.error} />
      </div>
      {aboutOwnDevices.has(notice.error.code) ? (
        <Button small onPress={() => go({ type: 'dialog', dialog: { name: 'settings', page: 'devices' } })}>
          {words.checkDevices}
        </Button>
      ) : null}
      <IconButton label={ui.dismiss} onPress={() => void ask({ id: notice.id })}>
        <Icon of={X} />
      </IconButton>
    </div>
  );
}

/** Only failures the person can act on are alarming; a server that is away for a while is said calmly. */
function AccountBanner({ account, nearby }: { account: AccountStatus; nearby: boolean }) {
  const { ask, busy } = useAsk('account.retry');
  const [asking, setAsking] = useState(false);
  const error = account.transport.error;
  const byItself = account.transport.retryAt !== null;
  const server = account.jid.slice(account.jid.indexOf('@') + 1);
  const wrongPassword = error?.code === 'account.wrong-password';
  return (
    <div className="banner" data-level={byItself ? 'info' : 'danger'} role={byItself ? 'status' : 'alert'}>
      <Icon of={wrongPassword ? KeyRound : byItself ? CloudOff : TriangleAlert} />
      <div className="banner-text">
        <p>
          <strong>{error === null ? words.offlineTitle(server) : cleanText(error.what)}</strong>{' '}
          {byItself ? (nearby ? words.offlineSafe : words.offlineSafeAlone) : cleanText(error?.action ?? '')}
        </p>
        {/* What fails by itself mends by itself; whoever wants to know more finds it in the settings. */}
        {error === null || byItself ? null : <ProblemDetails error={error} />}
      </div>
      {wrongPassword ? (
        <Button small onPress={() => setAsking(true)}>
          {words.enterPassword}
        </Button>
      ) : (
        <Button small isDisabled={busy} onPress={() => void ask({})}>
          {words.tryNow}
        </Button>
      )}
      {asking ? <SignInAgain jid={account.jid} onClose={() => setAsking(false)} /> : null}
    </div>
  );
}
