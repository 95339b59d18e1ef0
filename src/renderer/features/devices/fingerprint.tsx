/** A fingerprint as people compare it: eight groups of eight, always left to right. */
import { devices } from '../../i18n/devices.ts';
import './devices.css';

function fingerprintGroups(fingerprint: string): readonly string[] {
  return fingerprint.match(/.{1,8}/g) ?? [];
}

export function Fingerprint({ fingerprint }: { fingerprint: string | null }) {
  if (fingerprint === null) return <p className="muted small">{devices.fingerprintUnknown}</p>;
  return (
    <p className="fingerprint" dir="ltr">
      <span className="visually-hidden">{devices.fingerprint} </span>
      {fingerprintGroups(fingerprint).map((group, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: groups have no other identity and never move
        <span key={index}>{group} </span>
      ))}
    </p>
  );
}
