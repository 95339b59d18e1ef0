/** Guidance while a passphrase is being chosen. A floor for guessing, not a promise: variety and length, nothing more. */
export type Strength = 'empty' | 'short' | 'weak' | 'fair' | 'strong';

export const minimumLength = 8;

export function passphraseStrength(passphrase: string): Strength {
  const characters = [...passphrase];
  if (characters.length === 0) return 'empty';
  if (characters.length < minimumLength) return 'short';
  const distinct = new Set(characters.map((character) => character.toLowerCase())).size;
  const words = new Set(
    passphrase
      .toLowerCase()
      .split(/[\s\p{P}]+/u)
      .filter((word) => word.length > 2),
  ).size;
  if (distinct < 6) return 'weak';
  if (words >= 4 || (characters.length >= 20 && distinct >= 10)) return 'strong';
  if (words >= 3 || (characters.length >= 14 && distinct >= 8)) return 'fair';
  return 'weak';
}

/** Bars lit, of three. */
export function strengthBars(strength: Strength): number {
  return { empty: 0, short: 0, weak: 1, fair: 2, strong: 3 }[strength];
}
