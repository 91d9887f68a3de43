import type { Currency, Money } from './types';

/**
 * How many decimals a currency has is the server's word (GET /api/v1/config), never that of `Intl`:
 * browsers disagree about it, and a wrong exponent shows prices a hundred times too high.
 */
export type Currencies = Record<string, Currency>;

/** Currencies whose minor unit exists on paper only: decimals are shown just when there are some. */
const wholeUnits = new Set(['IDR', 'KRW', 'JPY', 'VND', 'CLP', 'HUF', 'TWD']);

/** Where a currency's own country writes numbers otherwise than the page does, its country wins. */
const homeLocale: Record<string, string> = { IDR: 'id-ID' };

/** Fallback for the moment before the configuration has arrived, and for codes it does not know. */
const usualDigits = 2;

export function digitsOf(currency: string, table: Currencies): number {
  return table[currency]?.digits ?? usualDigits;
}

/** 1250 USD → "$12.50"; 34900000 IDR → "Rp 349.000"; 12345 KWD → "KWD 12.345". The gap is a no-break space. */
export function formatMoney(money: Money, table: Currencies, locale = 'en'): string {
  const digits = digitsOf(money.currency, table);
  const unit = 10 ** digits;
  const size = Math.abs(money.amount);
  const rest = size % unit;
  const whole = (size - rest) / unit;
  const decimals = rest === 0 && wholeUnits.has(money.currency) ? 0 : digits;

  const numbers = numberFormat(homeLocale[money.currency] ?? locale);
  let text = numbers.format(whole);
  if (decimals > 0) text += decimalMark(numbers) + String(rest).padStart(digits, '0');

  const symbol = table[money.currency]?.symbol || money.currency;
  const gap = /\p{L}$/u.test(symbol) ? '\u00a0' : '';
  return (money.amount < 0 ? '\u2212' : '') + symbol + gap + text;
}

/** "12.5" typed by a person → 1250, or null when it is not an amount of that currency. */
export function parseAmount(text: string, currency: string, table: Currencies): number | null {
  const digits = digitsOf(currency, table);
  const match = /^(\d{1,12})(?:[.,](\d+))?$/.exec(text.trim());
  if (!match) return null;
  const decimals = match[2] ?? '';
  if (decimals.length > digits) return null;
  return Number(match[1]) * 10 ** digits + Number(decimals.padEnd(digits, '0') || '0');
}

/** The inverse of parseAmount: what an input field shows for an amount. */
export function amountText(money: Money, table: Currencies): string {
  const digits = digitsOf(money.currency, table);
  if (digits === 0) return String(money.amount);
  const padded = String(money.amount).padStart(digits + 1, '0');
  return `${padded.slice(0, -digits)}.${padded.slice(-digits)}`;
}

/** The price left after taking `percent` off, rounded down to a whole minor unit in the buyer's favour. */
export function percentOff(money: Money, percent: number): Money {
  return { amount: Math.floor((money.amount * (100 - percent)) / 100), currency: money.currency };
}

export function times(money: Money, quantity: number): Money {
  return { amount: money.amount * quantity, currency: money.currency };
}

export function sameMoney(a: Money, b: Money): boolean {
  return a.amount === b.amount && a.currency === b.currency;
}

const formats = new Map<string, Intl.NumberFormat>();

function numberFormat(locale: string): Intl.NumberFormat {
  let format = formats.get(locale);
  if (!format) formats.set(locale, (format = new Intl.NumberFormat(`${locale}-u-nu-latn`, { maximumFractionDigits: 0 })));
  return format;
}

function decimalMark(format: Intl.NumberFormat): string {
  const locale = format.resolvedOptions().locale;
  return new Intl.NumberFormat(locale).formatToParts(1.5).find((part) => part.type === 'decimal')?.value ?? '.';
}
