/** Which app the system opens `xmpp:` links with; Bothy takes them over only when the person says so. */
import { useEffect, useState } from 'react';
import type { LinkHandler } from '../../../shared/model.ts';
import { settings as words } from '../../i18n/settings.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useStore } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { Problem } from '../../ui/problem.tsx';

/** Null while it is not known, and where it cannot be. */
export function useLinkHandler(): [handler: LinkHandler | null, set: (handler: LinkHandler) => void] {
  const store = useStore();
  const [handler, setHandler] = useState<LinkHandler | null>(null);
  useEffect(() => {
    let current = true;
    void store.call('links.handler', {}).then((result) => {
      if (current && result.ok && result.value !== 'unknown') setHandler(result.value);
    });
    return () => {
      current = false;
    };
  }, [store]);
  return [handler, setHandler];
}

export function LinkSettings({ handler, onChange }: { handler: LinkHandler; onChange: (now: LinkHandler) => void }) {
  const { ask, busy, error } = useAsk('links.claim');

  async function claim(): Promise<void> {
    const result = await ask({});
    if (result.ok) onChange(result.value);
  }
  if (handler === 'bothy') return <p role="status">{words.linksHere}</p>;
  return (
    <>
      <div className="settings-row">
        <p>{words.linksElsewhere}</p>
        <Button isDisabled={busy} onPress={() => void claim()}>
          {words.linksClaim}
        </Button>
      </div>
      {error === null ? null : <Problem error={error} />}
    </>
  );
}
