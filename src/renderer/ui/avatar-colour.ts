/** Colours for people without a picture, the same in every client: XEP-0392. */
import { sha1 } from '@noble/hashes/legacy.js';
import { Hsluv } from 'hsluv';

/** Hue angle in degrees: the first two bytes of SHA-1, little-endian, over the full circle (XEP-0392, Angle generation). */
export function hueAngle(text: string): number {
  const [low = 0, high = 0] = sha1(new TextEncoder().encode(text));
  return ((low + high * 256) / 65536) * 360;
}

/** `#rrggbb` by HSLuv. The XEP's own vectors use saturation 100, lightness 50 (RGB generation). */
export function consistentColour(text: string, saturation = 100, lightness = 50): string {
  const colour = new Hsluv();
  colour.hsluv_h = hueAngle(text);
  colour.hsluv_s = saturation;
  colour.hsluv_l = lightness;
  colour.hsluvToHex();
  return colour.hex;
}

/** Quieter and a little darker, so that white initials keep 4.5 : 1 on every hue and nothing shouts in a list. */
export function avatarColour(text: string): string {
  return consistentColour(text, 62, 42);
}

/** One or two letters. Grapheme clusters, so that composed characters and emoji stay whole. */
export function initials(name: string): string {
  const words = name
    .replace(/[^\p{L}\p{M}\p{N}\p{Emoji_Presentation}\p{Join_Control}\p{Variation_Selector}\s]/gu, ' ')
    .split(/\s+/)
    .filter((word) => word !== '');
  const first = words[0];
  const last = words.length > 1 ? words.at(-1) : undefined;
  return [first, last]
    .filter((word) => word !== undefined)
    .map(firstGrapheme)
    .join('')
    .toLocaleUpperCase();
}

function firstGrapheme(word: string): string {
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(word)) return segment;
  return '';
}
