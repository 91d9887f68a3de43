import { describe, expect, test } from 'vitest';
import { amountText, formatMoney, parseAmount, percentOff } from './money';

const table = {
  USD: { digits: 2, symbol: '$' },
  IDR: { digits: 2, symbol: 'Rp' },
  KWD: { digits: 3, symbol: 'KWD' },
  SAR: { digits: 2, symbol: 'SAR' },
  JPY: { digits: 0, symbol: '¥' },
};
const show = (amount: number, currency: string) => formatMoney({ amount, currency }, table).replaceAll('\u00a0', ' ');

describe('formatMoney', () => {
  test.each([
    [1250, 'USD', '$12.50'],
    [5, 'USD', '$0.05'],
    [0, 'USD', '$0.00'],
    [123456789, 'USD', '$1,234,567.89'],
    [-1250, 'USD', '−$12.50'],
    [34900000, 'IDR', 'Rp 349.000'],
    [34900050, 'IDR', 'Rp 349.000,50'],
    [12345, 'KWD', 'KWD 12.345'],
    [9950, 'SAR', 'SAR 99.50'],
    [1250, 'JPY', '¥1,250'],
  ])('%i %s is %s', (amount, currency, text) => expect(show(amount, currency)).toBe(text));

  test('an unknown currency shows its code and never loses a cent', () => expect(show(1999, 'XTS')).toBe('XTS 19.99'));
});

describe('parseAmount', () => {
  test.each([
    ['12.50', 'USD', 1250],
    ['12,5', 'USD', 1250],
    ['12', 'USD', 1200],
    [' 349000 ', 'IDR', 34900000],
    ['12.345', 'KWD', 12345],
    ['1250', 'JPY', 1250],
  ])('%s %s', (text, currency, amount) => expect(parseAmount(text, currency, table)).toBe(amount));

  test.each([
    ['12.505', 'USD'],
    ['1.5', 'JPY'],
    ['-1', 'USD'],
    ['', 'USD'],
    ['1e3', 'USD'],
    ['1,234.50', 'USD'],
  ])('refuses %s %s', (text, currency) => expect(parseAmount(text, currency, table)).toBeNull());

  test('amountText is what parseAmount reads back', () => {
    for (const money of [{ amount: 5, currency: 'USD' }, { amount: 12345, currency: 'KWD' }, { amount: 7, currency: 'JPY' }]) {
      expect(parseAmount(amountText(money, table), money.currency, table)).toBe(money.amount);
    }
  });
});

test('percentOff rounds in favour of the buyer', () => {
  expect(percentOff({ amount: 999, currency: 'USD' }, 20)).toEqual({ amount: 799, currency: 'USD' });
});
