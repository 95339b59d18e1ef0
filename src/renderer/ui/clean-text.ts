/**
 * Text from elsewhere is shown without characters that act on the text around it: control characters (except line
 * breaks and tabs) and bidirectional overrides, isolates and embeddings (UAX #9), which could make a name read as
 * another. Direction is then given by `dir="auto"` and isolation.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
const unwanted = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

export function cleanText(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(unwanted, '');
}

/** For names and previews: on one line, too. */
export function cleanLine(text: string): string {
  return cleanText(text).replace(/\s+/g, ' ').trim();
}
