/** Says that a link was opened and waits. Above a dialog too, whose readers would not hear of it otherwise. */
import { Link2 } from 'lucide-react';
import { Icon } from '../../ui/icon.tsx';
import './links.css';

export function LinkWaits({ text }: { text: string }) {
  return (
    <div className="link-waits" role="status" data-react-aria-top-layer="true">
      <Icon of={Link2} />
      <p>{text}</p>
    </div>
  );
}
