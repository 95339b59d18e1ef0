/** Moving through messages with the keys: the list is one tab stop. Pure. */
import { defaultRangeExtractor, type Range } from '@tanstack/react-virtual';
import type { TimelineRow } from './timeline-rows.ts';

const canFocus = (row: TimelineRow | undefined): boolean => row?.type === 'message' || row?.type === 'event';

function search(rows: readonly TimelineRow[], from: number, step: 1 | -1): number | null {
  for (let index = from; index >= 0 && index < rows.length; index += step) if (canFocus(rows[index])) return index;
  return null;
}

/** The row a key leads to from row `from`, or null when the key is not for the list. */
export function moveFocus(rows: readonly TimelineRow[], from: number, key: string, page: number): number | null {
  switch (key) {
    case 'ArrowUp':
      return search(rows, from - 1, -1) ?? from;
    case 'ArrowDown':
      return search(rows, from + 1, 1) ?? from;
    case 'PageUp':
      return search(rows, Math.max(0, from - page), -1) ?? search(rows, 0, 1);
    case 'PageDown':
      return search(rows, Math.min(rows.length - 1, from + page), 1) ?? search(rows, rows.length - 1, -1);
    case 'Home':
      return search(rows, 0, 1);
    case 'End':
      return search(rows, rows.length - 1, -1);
    default:
      return null;
  }
}

/** The rows to draw: those in view, and the one that holds the focus even when it was scrolled away. */
export function visibleRange(range: Range, kept: number): number[] {
  const indexes = defaultRangeExtractor(range);
  if (kept < 0 || kept >= range.count || indexes.includes(kept)) return indexes;
  return [...indexes, kept].sort((a, b) => a - b);
}
