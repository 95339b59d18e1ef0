/** A small hut with a lit window: the mark of the app. */
export function Lamp() {
  return (
    <svg className="lamp" viewBox="0 0 48 48" width="56" height="56" aria-hidden="true">
      <path className="lamp-roof" d="M4 23 22.6 7.2a2.2 2.2 0 0 1 2.8 0L44 23" />
      <path className="lamp-wall" d="M9 20v18.5A2.5 2.5 0 0 0 11.5 41h25a2.5 2.5 0 0 0 2.5-2.5V20" />
      <rect className="lamp-light" x="18.5" y="22" width="11" height="11" rx="1.5" />
      <path className="lamp-bars" d="M24 22v11M18.5 27.5h11" />
    </svg>
  );
}
