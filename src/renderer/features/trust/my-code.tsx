/** One's own fingerprints as a code for the other side to scan. */
import { useEffect, useState } from 'react';
import { trust as words } from '../../i18n/trust.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useOwnDevices } from '../../state/use-window.ts';
import { CopyButton, CopyPictureButton } from '../../ui/copy-button.tsx';
import { Problem } from '../../ui/problem.tsx';
import { QrCode, qrPicture } from '../contacts/qr-code.tsx';

/** `name`: of who is to scan it; null for another device of one's own. */
export function MyCode({ name }: { name: string | null }) {
  const { ask, error } = useAsk('trust.ownUri');
  const [link, setLink] = useState<string | null>(null);
  const ownDevices = useOwnDevices();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the code names the own devices, and changes when they do
  useEffect(() => {
    let current = true;
    void ask({}).then((result) => {
      if (current && result.ok) setLink(result.value.uri);
    });
    return () => {
      current = false;
    };
  }, [ask, ownDevices]);
  return (
    <section className="code-side" aria-labelledby="my-code">
      <h3 id="my-code" className="code-title">
        {words.mine.title}
      </h3>
      <p className="code-hint muted small">{name === null ? words.mine.textSelf : words.mine.text(name)}</p>
      {error === null ? null : <Problem error={error} />}
      <div className="code-frame" data-code>
        {link === null ? null : <QrCode text={link} label={words.mine.label} correction="L" />}
      </div>
      {link === null ? null : (
        <div className="code-actions">
          <CopyButton small text={link} label={words.mine.copyLink} />
          <CopyPictureButton small picture={() => qrPicture(link, 'L')} label={words.mine.copyPicture} />
        </div>
      )}
      {name === null ? null : <p className="muted small">{words.mine.onlySafely}</p>}
    </section>
  );
}
