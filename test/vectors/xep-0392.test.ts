import { describe, expect, it } from 'vitest';
import { avatarColour, consistentColour, hueAngle, initials } from '../../src/renderer/ui/avatar-colour.ts';

/** XEP-0392, "Test Vectors": text, angle in degrees, red, green, blue in 0…1. */
const vectors = [
  ['Romeo', 327.255249, 0.865, 0.0, 0.686],
  ['juliet@capulet.lit', 209.4104, 0.0, 0.515, 0.573],
  ['😺', 331.199341, 0.872, 0.0, 0.659],
  ['council', 359.994507, 0.918, 0.0, 0.394],
] as const;

const channels = (hex: string) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);

/** WCAG 2.2, relative luminance. */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = channels(hex).map((channel) =>
    channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

describe('consistent colours (XEP-0392)', () => {
  it.each(vectors)('%s', (text, angle, red, green, blue) => {
    expect(hueAngle(text)).toBeCloseTo(angle, 5);
    const [r = -1, g = -1, b = -1] = channels(consistentColour(text));
    expect(Math.abs(r - red)).toBeLessThan(0.003);
    expect(Math.abs(g - green)).toBeLessThan(0.003);
    expect(Math.abs(b - blue)).toBeLessThan(0.003);
  });

  it('keeps white initials at 4.5 : 1 on every hue', () => {
    for (let index = 0; index < 2_000; index++) {
      const contrast = 1.05 / (luminance(avatarColour(`person ${index}`)) + 0.05);
      expect(contrast).toBeGreaterThanOrEqual(4.5);
    }
  });
});

describe('initials', () => {
  it('takes the first letters of the first and the last word, whole', () => {
    expect(initials('Ada Nilsson')).toBe('AN');
    expect(initials('juliet')).toBe('J');
    expect(initials('Ana (work) de la Cruz')).toBe('AC');
    expect(initials('ḟ̇oo')).toBe('Ḟ̇');
    expect(initials('مريم الفاسي')).toBe('ما');
    expect(initials('')).toBe('');
  });
});
