import { expect, test } from 'vitest';
import { sumLines } from './sum';
import type { Sum } from './types';

const usd = (amount: number) => ({ amount, currency: 'USD' });
const sum = (parts: Partial<Record<'discount' | 'shipping' | 'tax' | 'tip', number>>, more: Partial<Sum> = {}): Sum => ({
  items: usd(2500), discount: usd(parts.discount ?? 0), shipping: usd(parts.shipping ?? 0), tax: usd(parts.tax ?? 0), tip: usd(parts.tip ?? 0), total: usd(0), ...more,
});

test('only the parts there are, and nothing where the goods are all', () => {
  expect(sumLines(sum({}))).toEqual([]);
  expect(sumLines(sum({ tax: 400 }, { tax_included: true }))).toEqual([]);
  expect(sumLines(sum({ discount: 300, shipping: 450 })).map((l) => [l.name, l.amount.amount])).toEqual([['items', 2500], ['discount', -300], ['shipping', 450]]);
  expect(sumLines(sum({ tax: 400, tip: 100 })).map((l) => l.name)).toEqual(['items', 'tax', 'tip']);
});
