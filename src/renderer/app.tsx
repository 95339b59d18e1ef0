/** Which screen: by the phase the application is in. */
import { useEffect, useState } from 'react';
import { LinkWaits } from './features/links/link-waits.tsx';
import { FirstStart } from './features/onboarding/first-start.tsx';
import { Refused, Starting } from './features/onboarding/plain-screens.tsx';
import { Unlock } from './features/onboarding/unlock.tsx';
import { links } from './i18n/links.ts';
import { MainWindow } from './main-window.tsx';
import { useSettings, useWindow } from './state/use-window.ts';
import { LiveRegion } from './ui/live-region.tsx';
import { applyTheme } from './ui/theme.ts';

export function App() {
  const status = useWindow((state) => state.status);
  const listsLoaded = useWindow((state) => state.listsLoaded);
  const linkWaits = useWindow((state) => state.openedLinks.length > 0);
  const theme = useSettings().theme;
  // First start goes on to "how do you want to begin" after the profile was made.
  const [beginning, setBeginning] = useState(false);

  useEffect(() => {
    if (listsLoaded) applyTheme(theme);
  }, [listsLoaded, theme]);
  useEffect(() => {
    if (status?.phase === 'first-start') setBeginning(true);
  }, [status?.phase]);

  if (status === null || status.phase === 'starting') return <Starting />;
  if (status.phase === 'refused') return <Refused error={status.error} />;
  if (status.phase === 'locked') {
    return (
      <>
        <Unlock />
        {linkWaits ? <LinkWaits text={links.waitingLocked} /> : null}
      </>
    );
  }
  if (status.phase === 'first-start' || beginning) {
    return (
      <>
        <FirstStart onDone={() => setBeginning(false)} />
        {linkWaits ? <LinkWaits text={links.waitingBegin} /> : null}
      </>
    );
  }
  if (!listsLoaded) return <Starting />;
  return (
    <LiveRegion>
      <MainWindow />
    </LiveRegion>
  );
}
