/** English plural forms, by the rules of CLDR rather than by comparing with one. */
const rules = new Intl.PluralRules('en');

export function plural(count: number, forms: { readonly one: string; readonly other: string }): string {
  return rules.select(count) === 'one' ? forms.one : forms.other;
}

const numbers = new Intl.NumberFormat();

export function formatNumber(count: number): string {
  return numbers.format(count);
}
