/** What a screen reader says by itself, politely: new messages while they are being read, and results of actions. */
import { createContext, type ReactNode, use, useCallback, useState } from 'react';

const AnnounceContext = createContext<(text: string) => void>(() => {});

export function useAnnounce(): (text: string) => void {
  return use(AnnounceContext);
}

export function LiveRegion({ children }: { children: ReactNode }) {
  const [said, setSaid] = useState({ text: '', turn: 0 });
  const announce = useCallback((text: string) => setSaid(({ turn }) => ({ text, turn: turn + 1 })), []);
  return (
    <AnnounceContext value={announce}>
      {children}
      <div className="visually-hidden" aria-live="polite">
        <span key={said.turn}>{said.text}</span>
      </div>
    </AnnounceContext>
  );
}
