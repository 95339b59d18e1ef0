/** Changes to text, most of them such as XML, base64, addresses and numbers trip over. */
import { changes, type FuzzRandom } from './random.ts';

const largest = 1 << 20;

const tokens: readonly [string, ...string[]] = [
  '&lol;',
  '&#0;',
  '&#x110000;',
  '&#xD800;',
  '&amp;',
  '<!DOCTYPE a [<!ENTITY b "c">]>',
  '<!-- -->',
  '<?xml version="1.0"?>',
  '<?pi ?>',
  '<![CDATA[',
  ']]>',
  '<',
  '>',
  '/>',
  '</',
  '"',
  "'",
  '=',
  ' xmlns="urn:x"',
  ' xmlns:p="urn:p"',
  '<p:a/>',
  ' p:q="r"',
  ' xml:lang="en"',
  ' __proto__="x"',
  ' constructor="x"',
  ' id="0"',
  ' id="-1"',
  ' id="2147483648"',
  ' id="4294967296"',
  ' id="1e3"',
  ' rid="00"',
  ' kex="1"',
  ' sid="99999999999"',
  '\u0000',
  '\u0001',
  '\u200d',
  '\u202e',
  '\ufeff',
  '\ufffe',
  '\ud800',
  '\udc00',
  '\u0130',
  '\u212a',
  '\uff21',
  '\uff0f',
  '\uff20',
  '\u3002',
  '\u00df',
  '\u03c2',
  '\u094d\u200d',
  '\u0660',
  '\u06f0',
  '\u05d0',
  '\u0301',
  '\u{1f600}',
  '\u{e0001}',
  '@',
  '/',
  '..',
  '.',
  'xn--',
  'xn--a',
  'xn--99999999',
  '[::1]',
  '127.0.0.1',
  '%00',
  '?',
  ';',
  '=',
  '==',
  '===',
  ' ',
  '\t',
  '\r\n',
  '-1',
  '0',
  '1e9',
  'NaN',
  '99999999999999999999',
  '2023-02-30T25:61:61Z',
  '+275760-09-13T00:00:00.001Z',
  'true',
  'AAAA',
  '====',
];

type Change = (text: string, random: FuzzRandom, samples: readonly string[]) => string;

/** Where a tag, an attribute's value or a word begins: cutting there keeps more of the text valid than cutting anywhere. */
function seam(text: string, random: FuzzRandom): number {
  const at = random.below(text.length + 1);
  if (random.oneIn(3)) return at;
  const next = text.slice(at).search(/[<>"'/@?;= ]/);
  return next < 0 ? at : at + next + random.below(2);
}

function elementAt(text: string, from: number): readonly [number, number] | null {
  const start = text.indexOf('<', from);
  const name = start < 0 ? null : /^<([A-Za-z][\w:.-]*)[^<>]*?(\/?)>/.exec(text.slice(start, start + 2000));
  if (!name) return null;
  if (name[2] === '/') return [start, start + name[0].length];
  const close = `</${name[1]}>`;
  const end = text.indexOf(close, start);
  return end < 0 ? null : [start, end + close.length];
}

const all: readonly [Change, ...Change[]] = [
  function insertToken(text, random) {
    const at = seam(text, random);
    return text.slice(0, at) + random.pick(tokens) + text.slice(at);
  },
  function replaceWord(text, random) {
    const words = [...text.matchAll(/[^<>"'/@?;= ]+/g)];
    const word = words[random.below(words.length)];
    if (!word) return text;
    return text.slice(0, word.index) + random.pick(tokens) + text.slice(word.index + word[0].length);
  },
  function removeRange(text, random) {
    const at = seam(text, random);
    return text.slice(0, at) + text.slice(at + 1 + random.below(30));
  },
  function truncate(text, random) {
    return text.slice(0, seam(text, random));
  },
  function repeatElement(text, random) {
    const found = elementAt(text, random.below(text.length));
    if (!found) return text;
    const element = text.slice(...found);
    return text.slice(0, found[1]) + element.repeat(random.pick([1, 1, 2, 10, 600])) + text.slice(found[1]);
  },
  function removeElement(text, random) {
    const found = elementAt(text, random.below(text.length));
    return found ? text.slice(0, found[0]) + text.slice(found[1]) : text;
  },
  function moveElement(text, random) {
    const found = elementAt(text, random.below(text.length));
    if (!found) return text;
    const rest = text.slice(0, found[0]) + text.slice(found[1]);
    const at = Math.max(0, rest.indexOf('<', random.below(rest.length)));
    return rest.slice(0, at) + text.slice(...found) + rest.slice(at);
  },
  function nest(text, random) {
    const found = elementAt(text, random.below(text.length));
    if (!found) return text;
    const depth = random.pick([1, 2, 28, 31, 32, 33, 60, 63, 64, 65, 5000]);
    return (
      text.slice(0, found[0]) + '<n>'.repeat(depth) + text.slice(...found) + '</n>'.repeat(depth) + text.slice(found[1])
    );
  },
  function manyAttributes(text, random) {
    const at = text.indexOf('>', random.below(text.length));
    const count = random.pick([1, 60, 70, 3000]);
    const attributes = Array.from({ length: count }, (_, index) => ` a${index}="${index}"`).join('');
    return at < 1 ? text : text.slice(0, at) + attributes + text.slice(at);
  },
  function long(text, random) {
    if (!random.oneIn(10)) return text;
    const at = seam(text, random);
    const piece = random.pick([
      'a',
      'AAAA',
      '\u0301',
      '<n/>',
      '</n>',
      ' ',
      '@',
      '.',
      'a.',
      '\u05d0',
      '&amp;',
      '\u{1f600}',
    ]);
    return text.slice(0, at) + piece.repeat(random.pick([1024, 20_000, 140_000])) + text.slice(at);
  },
  function changeCharacter(text, random) {
    const at = random.below(text.length);
    const code = random.pick([random.below(0x80), random.below(0x3000), random.below(0x10000)]);
    return text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
  },
  function otherCase(text, random) {
    const at = random.below(text.length);
    const range = text.slice(at, at + 20);
    return text.slice(0, at) + (random.oneIn(2) ? range.toUpperCase() : range.normalize('NFD')) + text.slice(at + 20);
  },
  function splice(text, random, samples) {
    const other = samples[random.below(samples.length)] ?? text;
    return text.slice(0, seam(text, random)) + other.slice(seam(other, random));
  },
  function exchangeElements(text, random, samples) {
    const other = samples[random.below(samples.length)] ?? text;
    const [mine, theirs] = [elementAt(text, random.below(text.length)), elementAt(other, random.below(other.length))];
    return mine && theirs ? text.slice(0, mine[0]) + other.slice(...theirs) + text.slice(mine[1]) : text;
  },
];

export function mutateText(text: string, random: FuzzRandom, samples: readonly string[]): string {
  let changed = text;
  for (let left = changes(random); left > 0; left -= 1) {
    changed = random.pick(all)(changed, random, samples).slice(0, largest);
  }
  return changed;
}
