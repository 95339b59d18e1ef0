/** Two ways to be sure who is at the other end: scan each other's code, or compare fingerprints. */
import { useState } from 'react';
import { Tab, TabList, TabPanel, Tabs } from 'react-aria-components/Tabs';
import type { ContactId, DeviceRef, TrustUriCheck } from '../../../shared/model.ts';
import { xmppLink } from '../../../shared/xmpp-link.ts';
import { trust as words } from '../../i18n/trust.ts';
import { useNavigation } from '../../state/navigation.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useContact, useOwnDevices } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { cleanLine } from '../../ui/clean-text.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { CheckResult } from './check-result.tsx';
import { Compare } from './compare.tsx';
import { MyCode } from './my-code.tsx';
import { ScanTheirs } from './scan-theirs.tsx';
import './trust.css';

interface VerifyDialogProps {
  readonly owner: ContactId | 'self';
  readonly device: DeviceRef | null;
  readonly onClose: () => void;
}

type WrongCode = { readonly kind: 'other' } | { readonly kind: 'invitation'; readonly link: string };

export function VerifyDialog({ owner, device, onClose }: VerifyDialogProps) {
  const contact = useContact(owner === 'self' ? undefined : owner);
  const ownDevices = useOwnDevices();
  const { ask, error, forgetError } = useAsk('trust.checkUri');
  const [wrong, setWrong] = useState<WrongCode | null>(null);
  const [check, setCheck] = useState<TrustUriCheck | null>(null);
  const [tab, setTab] = useState<'scan' | 'compare'>('scan');
  const name = contact === undefined ? null : cleanLine(contact.name);

  async function compare(link: string): Promise<void> {
    const result = await ask(owner === 'self' ? { uri: link } : { uri: link, contactId: owner });
    if (result.ok) setCheck(result.value);
  }
  function onText(text: string): boolean {
    const found = xmppLink(text);
    if (found?.kind === 'trust') {
      setWrong(null);
      void compare(found.link);
      return true;
    }
    setWrong(found?.kind === 'invitation' ? found : { kind: 'other' });
    return found?.kind === 'invitation';
  }
  function again(): void {
    forgetError();
    setWrong(null);
  }

  const title = name === null ? words.titleSelf : words.titleOf(name);
  if (check !== null) {
    const back = () => {
      again();
      setCheck(null);
      setTab('scan');
    };
    return (
      <Dialog title={title} size="small" onClose={onClose}>
        <CheckResult check={check} onClose={onClose} onShowMine={back} onAgain={back} />
      </Dialog>
    );
  }
  const theirs = contact?.devices ?? ownDevices.filter((candidate) => !candidate.isThisDevice);
  const mine = ownDevices.filter((own) => own.isThisDevice || (contact !== undefined && own.trust === 'verified'));
  return (
    <Dialog title={title} size="wide" onClose={onClose}>
      <p className="muted verify-intro">{name === null ? words.introSelf : words.intro(name)}</p>
      <Tabs
        className="tabs"
        selectedKey={tab}
        onSelectionChange={(key) => setTab(key === 'compare' ? 'compare' : 'scan')}
      >
        <TabList className="tab-list" aria-label={title}>
          <Tab id="scan" className="tab">
            {words.tabScan}
          </Tab>
          <Tab id="compare" className="tab">
            {words.tabCompare}
          </Tab>
        </TabList>
        <TabPanel id="scan" className="tab-panel codes">
          <MyCode name={name} />
          <ScanTheirs
            title={name === null ? words.theirs.titleSelf : words.theirs.title}
            where={name === null ? words.theirs.whereSelf : words.theirs.where}
            onText={onText}
            onNewTry={again}
            problem={
              error !== null ? <Problem error={error} /> : wrong === null ? null : <WrongCodeNotice wrong={wrong} />
            }
          />
        </TabPanel>
        <TabPanel id="compare" className="tab-panel">
          <Compare name={name} theirs={theirs} mine={mine} focused={device} />
        </TabPanel>
      </Tabs>
    </Dialog>
  );
}

function WrongCodeNotice({ wrong }: { wrong: WrongCode }) {
  const { go } = useNavigation();
  if (wrong.kind === 'other') return <Notice what={words.notACode.other} action={words.notACode.otherAction} />;
  const { link } = wrong;
  return (
    <Notice what={words.notACode.invitation} action={words.notACode.invitationAction}>
      <div className="notice-action">
        <Button small onPress={() => go({ type: 'dialog', dialog: { name: 'add-contact', link } })}>
          {words.notACode.useInvitation}
        </Button>
      </div>
    </Notice>
  );
}
