/** Whoever reads the newest message goes on reading it when the window, a banner or the composer change the room. */
import { type RefObject, useLayoutEffect } from 'react';

export function useStayAtEnd(scroller: RefObject<HTMLDivElement | null>, endThreshold: number, active: boolean): void {
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null || !active) return;
    const distance = () => element.scrollHeight - element.scrollTop - element.clientHeight;
    let atEnd = distance() <= endThreshold;
    let room = `${element.clientWidth}×${element.clientHeight}`;
    let settling = 0;
    const onScroll = (): void => {
      // A change of the room scrolls too, before it is told here; that is not the reader's doing.
      if (settling === 0 && room === `${element.clientWidth}×${element.clientHeight}`) {
        atEnd = distance() <= endThreshold;
      }
    };
    const follow = (): void => {
      if (atEnd) element.scrollTop = element.scrollHeight;
    };
    const observer = new ResizeObserver(() => {
      room = `${element.clientWidth}×${element.clientHeight}`;
      follow();
      // The rows are measured again in the frames after.
      cancelAnimationFrame(settling);
      settling = requestAnimationFrame(() => {
        settling = requestAnimationFrame(() => {
          settling = 0;
          follow();
        });
      });
    });
    observer.observe(element);
    element.addEventListener('scroll', onScroll);
    return () => {
      cancelAnimationFrame(settling);
      observer.disconnect();
      element.removeEventListener('scroll', onScroll);
    };
  }, [scroller, endThreshold, active]);
}
