import type en from '../../texts/en.json';

/** Texts are known by key; texts/*.json has them in every language of the pages. */
export type Key = keyof typeof en;
export type Params = Record<string, string | number>;

type Entry = string | Partial<Record<Intl.LDMLPluralRule, string>>;

/** The language of the page, as the server wrote it into <html lang>. */
export const locale = typeof document === 'undefined' ? 'en' : document.documentElement.lang || 'en';

/** The same for formatting: figures are the ones that prices are written with everywhere. */
const formats = `${locale}-u-nu-latn`;

const catalogue: Partial<Record<Key, Entry>> = typeof document === 'undefined' ? {} : carried();
const plurals = new Intl.PluralRules(locale);
const numbers = new Intl.NumberFormat(formats);

/** What the server wrote into this page: the texts it needs, in its language. */
function carried(): Partial<Record<Key, Entry>> {
  return JSON.parse(document.getElementById('texts')?.textContent ?? '{}');
}

/** Adds texts where no server did: in tests. */
export function learn(texts: Partial<Record<Key, Entry>>): void {
  Object.assign(catalogue, texts);
}

/** A text of the catalogue with its {names} filled in. A plural is chosen by `n`; numbers are written the language's way. */
export function t(key: Key, params: Params = {}): string {
  const entry = catalogue[key] ?? key;
  const text = typeof entry === 'string' ? entry : (entry[plurals.select(Number(params.n))] ?? entry.other ?? '');
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? numbers.format(value) : value;
  });
}

/** False for a key built from data, such as an order's state, when a newer server says a word this page lacks. */
export function known(key: string): key is Key {
  return key in catalogue;
}

/** 83 s → "1:23". */
export function countdown(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** "Visa •••• 4242" */
export function cardName(method: { brand: string; last4: string }): string {
  const brand = method.brand ? method.brand[0]!.toUpperCase() + method.brand.slice(1) : '';
  return method.last4 ? `${brand} •••• ${method.last4}` : brand;
}

/** The part of an order's id that people read to each other: its random end, not the time at its start. */
export function shortId(id: string): string {
  return id.replaceAll('-', '').slice(-6).toUpperCase();
}

export function dateTime(iso: string): string {
  return new Intl.DateTimeFormat(formats, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso));
}
