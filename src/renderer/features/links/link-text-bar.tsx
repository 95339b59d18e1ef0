/** Above the box where one writes: the text in it, or beside it, is not the person's own. */
import { Link2 } from 'lucide-react';
import { useId } from 'react';
import { links as words } from '../../i18n/links.ts';
import { Button } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import './links.css';

interface LinkTextBarProps {
  /** `put`: it is in the box. `offered`: the box was not empty, so it is not. */
  readonly state: 'put' | 'offered';
  readonly onRemove: () => void;
  readonly onAdd: () => void;
}

export function LinkTextBar({ state, onRemove, onAdd }: LinkTextBarProps) {
  const textId = useId();
  return (
    <div className="link-text-bar" role="status">
      <Icon of={Link2} />
      <p id={textId}>{words.text[state]}</p>
      <div className="link-text-actions">
        {state === 'offered' ? (
          <Button small onPress={onAdd} aria-describedby={textId}>
            {words.text.add}
          </Button>
        ) : null}
        {/* Has the focus and not the box: what is being typed meanwhile must not send a text nobody has read. */}
        <Button small autoFocus onPress={onRemove} aria-describedby={textId}>
          {state === 'put' ? words.text.remove : words.text.dismiss}
        </Button>
      </div>
    </div>
  );
}
