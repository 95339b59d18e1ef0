/** Names people give themselves and others: at most 64 characters, nothing that breaks a line or turns text around. */
export function cleanName(name: string): string {
  const plain = name
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '')
    .trim();
  return [...plain].slice(0, 64).join('').trim();
}
