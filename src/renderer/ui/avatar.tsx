import { useMemo } from 'react';
import { avatarColour, initials } from './avatar-colour.ts';
import { cleanLine } from './clean-text.ts';
import './avatar.css';

interface AvatarProps {
  readonly name: string;
  /** What the colour is made of: the address, so that it is the same in every client. */
  readonly address: string;
  readonly size?: 24 | 36 | 40 | 72;
}

export function Avatar({ name, address, size = 40 }: AvatarProps) {
  const colour = useMemo(() => avatarColour(address), [address]);
  return (
    <span
      className="avatar"
      data-size={size}
      // Drawn by the style sheet: a picture made of letters is not text that anything should read.
      data-initials={initials(cleanLine(name))}
      style={{ backgroundColor: colour }}
      aria-hidden="true"
    />
  );
}
