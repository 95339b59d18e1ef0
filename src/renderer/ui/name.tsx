/** A name or a line of someone's text: isolated, so that its direction does not reorder what stands beside it. */
import { cleanLine } from './clean-text.ts';

export function Name({ children, className }: { children: string; className?: string }) {
  return (
    <bdi dir="auto" className={className}>
      {cleanLine(children)}
    </bdi>
  );
}
