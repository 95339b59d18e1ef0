/** When the person last typed something here: nothing may be put under fingers that are typing. */
import { type RefObject, useEffect, useRef } from 'react';

/** The moment, in milliseconds of `performance.now()`; long ago at first. */
export function useLastTyped(): RefObject<number> {
  const last = useRef(Number.NEGATIVE_INFINITY);
  useEffect(() => {
    const typed = (): void => {
      last.current = performance.now();
    };
    window.addEventListener('input', typed, true);
    return () => window.removeEventListener('input', typed, true);
  }, []);
  return last;
}
