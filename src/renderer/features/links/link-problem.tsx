/** A link that leads nowhere: why, and what to do. */
import { links as words } from '../../i18n/links.ts';
import { ui } from '../../i18n/ui.ts';
import { Button } from '../../ui/button.tsx';
import { cleanText } from '../../ui/clean-text.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Notice } from '../../ui/notice.tsx';

interface LinkProblemProps {
  readonly what: string;
  readonly action: string;
  readonly onClose: () => void;
}

export function LinkProblem({ what, action, onClose }: LinkProblemProps) {
  return (
    <Dialog title={words.problemTitle} onClose={onClose}>
      <Notice what={cleanText(what)} action={cleanText(action)} />
      <div className="actions">
        <Button kind="primary" autoFocus onPress={onClose}>
          {ui.close}
        </Button>
      </div>
    </Dialog>
  );
}
