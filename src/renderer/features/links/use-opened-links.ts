/** Leads to what opened links are about, one after the other, when the person is not in the middle of something else. */
import { useEffect, useEffectEvent, useRef } from 'react';
import type { OpenedLink } from '../../../shared/model.ts';
import type { Place, Step } from '../../state/navigation.ts';
import { useStore, useWindow } from '../../state/use-window.ts';
import { isBusyWith, placeForLink } from './place-for-link.ts';
import { useLastTyped } from './use-last-typed.ts';

/** Milliseconds: who has not typed for so long sees what happens before they go on. */
const pause = 1500;

/** Whether a link waits behind the dialog that is open. */
export function useOpenedLinks(place: Place, go: (step: Step) => void): boolean {
  const store = useStore();
  const next = useWindow((state) => state.openedLinks[0]);
  const shown = useRef(new Set<string>());
  const lastTyped = useLastTyped();
  const busy = isBusyWith(place.dialog);

  const show = useEffectEvent(async (link: OpenedLink) => {
    shown.current.add(link.id);
    void store.call('links.taken', { id: link.id });
    const found = placeForLink(link, store.getState());
    if (found.kind === 'dialog') {
      go({ type: 'dialog', dialog: found.dialog });
      return;
    }
    const result = await store.call('conversations.openWith', { contactId: found.contactId });
    if (!result.ok) {
      go({ type: 'dialog', dialog: { name: 'link-problem', what: result.error.what, action: result.error.action } });
      return;
    }
    store.apply({ type: 'conversation', conversation: result.value });
    go({ type: 'open', conversationId: result.value.id, linkText: found.text });
  });
  useEffect(() => {
    if (next === undefined || busy || shown.current.has(next.id)) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const showWhenQuiet = (): void => {
      const left = lastTyped.current + pause - performance.now();
      if (left > 0) timer = setTimeout(showWhenQuiet, left);
      else void show(next);
    };
    showWhenQuiet();
    return () => clearTimeout(timer);
  }, [next, busy, lastTyped]);
  return next !== undefined && busy && !shown.current.has(next.id);
}
