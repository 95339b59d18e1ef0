/** Times and days as people say them; the order and clock are those of the person's system. */
const time = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat('en', { weekday: 'short' });
const dayThisYear = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short' });
const dayAnyYear = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric' });
const longDayThisYear = new Intl.DateTimeFormat('en', { weekday: 'long', day: 'numeric', month: 'long' });
const longDay = new Intl.DateTimeFormat('en', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
const hourCycle = time.resolvedOptions().hourCycle ?? 'h23';
const moment = new Intl.DateTimeFormat('en', { dateStyle: 'full', timeStyle: 'short', hourCycle });
const relativeDay = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Whole local days from `at` to `now`; positive for the past. Rounded, because a day may have 23 or 25 hours. */
export function daysBetween(at: number, now: number): number {
  const start = (moment: number) => new Date(moment).setHours(0, 0, 0, 0);
  return Math.round((start(now) - start(at)) / 86_400_000);
}

/** A key that is the same for two moments of one local day. */
export function dayKey(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

export function formatTime(at: number): string {
  return time.format(at);
}

/** For a day line. */
export function formatDay(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days === 0 || days === 1) return capital(relativeDay.format(-days, 'day'));
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? longDayThisYear.format(at) : longDay.format(at);
}

/** For a list: the time today, then the weekday, then the date. */
export function formatListMoment(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days <= 0) return formatTime(at);
  if (days === 1) return capital(relativeDay.format(-1, 'day'));
  if (days < 7) return weekday.format(at);
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? dayThisYear.format(at) : dayAnyYear.format(at);
}

/** Everything, for a tooltip. */
export function formatMoment(at: number): string {
  return moment.format(at);
}
