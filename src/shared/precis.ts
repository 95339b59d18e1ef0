/**
 * PRECIS (RFC 8264) string profiles that XMPP addresses need: UsernameCaseMapped and OpaqueString (RFC 8265).
 * The classes are computed from the Unicode properties the JavaScript engine knows, so that there is no table to age.
 */

/** RFC 5892 §2.6 exceptions (F) that are valid … */
const EXCEPTIONS_VALID = /^[\u00DF\u03C2\u06FD\u06FE\u0F0B\u3007]$/u;
/** … and that are not. */
const EXCEPTIONS_DISALLOWED = /^[\u0640\u07FA\u302E\u302F\u3031-\u3035\u303B]$/u;
const OLD_HANGUL_JAMO = /^[\u1100-\u11FF\uA960-\uA97C\uD7B0-\uD7C6\uD7CB-\uD7FB]$/u;
const UNASSIGNED = /^(?!\p{Noncharacter_Code_Point})\p{Cn}$/u;
const IGNORABLE = /^[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]$/u;
const CONTROLS = /^\p{Cc}$/u;
const LETTER_DIGITS = /^[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]$/u;
/** Free-form strings also take other letters and digits, spaces, symbols and punctuation (RFC 8264 §4.3). */
const FREEFORM_EXTRA =
  /^[\p{Lt}\p{Nl}\p{No}\p{Me}\p{Zs}\p{Sm}\p{Sc}\p{Sk}\p{So}\p{Pc}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}]$/u;

/** Canonical combining class 9 (virama), which the engine's properties do not tell; basic plane. */
const VIRAMA =
  /^[\u094D\u09CD\u0A4D\u0ACD\u0B4D\u0BCD\u0C4D\u0CCD\u0D3B\u0D3C\u0D4D\u0DCA\u0E3A\u0EBA\u0F84\u1039\u103A\u1714\u1734\u17D2\u1A60\u1B44\u1BAA\u1BAB\u1BF2\u1BF3\u2D7F\uA806\uA8C4\uA953\uA9C0\uAAF6\uABED]$/u;

const RIGHT_TO_LEFT_SCRIPT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Samaritan}\p{Script=Mandaic}\p{Script=Adlam}\p{Script=Hanifi_Rohingya}]/u;
const LONE_SURROGATE = /\p{Cs}/u;
const MARK = /^\p{M}$/u;
const ARABIC_INDIC_DIGIT = /[\u0660-\u0669]/u;
const EXTENDED_ARABIC_INDIC_DIGIT = /[\u06F0-\u06F9]/u;

/** UsernameCaseMapped (RFC 8265 §3.3): the enforced string, or null when the string is not allowed. */
export function identifierString(text: string): string | null {
  const mapped = mapWidth(text).toLowerCase().normalize('NFC');
  if (mapped === '' || LONE_SURROGATE.test(mapped)) return null;
  return allowed(mapped, false) && bidiRule(mapped) ? mapped : null;
}

/** OpaqueString (RFC 8265 §4.2): the enforced string, or null when the string is not allowed. */
export function freeformString(text: string): string | null {
  const mapped = text.replace(/\p{Zs}/gu, ' ').normalize('NFC');
  if (mapped === '' || LONE_SURROGATE.test(mapped)) return null;
  return allowed(mapped, true) ? mapped : null;
}

/** RFC 8264 §5.2.1: only full-width and half-width characters are mapped to their compatibility equivalents. */
function mapWidth(text: string): string {
  return text.replace(/[\u3000\uFF01-\uFFEE]/gu, (character) => character.normalize('NFKC'));
}

function allowed(text: string, freeform: boolean): boolean {
  const characters = [...text];
  // No part of an address has more (RFC 7622 §3.3, §3.4), and some rules look at all of it for each character.
  if (characters.length > 1023) return false;
  return characters.every((character, index) => {
    const rule = contextRule(character, characters, index, text);
    return rule ?? classAllows(character, freeform);
  });
}

/** The algorithm of RFC 8264 §8, in its order. */
function classAllows(character: string, freeform: boolean): boolean {
  if (EXCEPTIONS_VALID.test(character)) return true;
  if (EXCEPTIONS_DISALLOWED.test(character) || UNASSIGNED.test(character)) return false;
  if (character >= '\u0021' && character <= '\u007E') return true;
  if (OLD_HANGUL_JAMO.test(character) || IGNORABLE.test(character) || CONTROLS.test(character)) return false;
  if (character.normalize('NFKC') !== character) return freeform;
  if (LETTER_DIGITS.test(character)) return true;
  return freeform && FREEFORM_EXTRA.test(character);
}

/** Contextual rules of RFC 5892 appendix A; null where none applies. */
function contextRule(character: string, all: readonly string[], index: number, text: string): boolean | null {
  const before = all[index - 1] ?? '';
  const after = all[index + 1] ?? '';
  switch (character) {
    case '\u200C': // A.1; its second half (joining types) is not offered: such a joiner is refused
    case '\u200D': // A.2
      return VIRAMA.test(before);
    case '\u00B7': // A.3: between two l, as in Catalan
      return before === 'l' && after === 'l';
    case '\u0375': // A.4
      return /^\p{Script=Greek}$/u.test(after);
    case '\u05F3': // A.5
    case '\u05F4': // A.6
      return /^\p{Script=Hebrew}$/u.test(before);
    case '\u30FB': // A.7
      return /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(text);
  }
  if (ARABIC_INDIC_DIGIT.test(character)) return !EXTENDED_ARABIC_INDIC_DIGIT.test(text); // A.8
  if (EXTENDED_ARABIC_INDIC_DIGIT.test(character)) return !ARABIC_INDIC_DIGIT.test(text); // A.9
  return null;
}

/**
 * RFC 5893 §2, as far as it can be told from scripts: a string with right-to-left letters begins with one, has no
 * left-to-right letters, and ends in one of them or a digit (before trailing marks).
 */
function bidiRule(text: string): boolean {
  if (!RIGHT_TO_LEFT_SCRIPT.test(text)) return true;
  const characters = [...text];
  const isRightToLeft = (character: string | undefined) =>
    character !== undefined && /\p{L}/u.test(character) && RIGHT_TO_LEFT_SCRIPT.test(character);
  if (!isRightToLeft(characters[0])) return false;
  if (characters.some((character) => /\p{L}/u.test(character) && !RIGHT_TO_LEFT_SCRIPT.test(character))) return false;
  const last = characters.findLast((character) => !MARK.test(character));
  return isRightToLeft(last) || /^\p{Nd}$/u.test(last ?? '');
}
