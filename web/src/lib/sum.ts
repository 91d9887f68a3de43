import type { Money, Sum } from './types';

export type SumLine = { name: 'items' | 'discount' | 'shipping' | 'tax' | 'tip'; amount: Money };

/** The lines between goods and total: only those there are, and none where the goods are all there is. */
export function sumLines(sum: Sum): SumLine[] {
  const lines: SumLine[] = [
    { name: 'discount', amount: { ...sum.discount, amount: -sum.discount.amount } },
    { name: 'shipping', amount: sum.shipping },
    { name: 'tax', amount: sum.tax_included ? { ...sum.tax, amount: 0 } : sum.tax },
    { name: 'tip', amount: sum.tip },
  ];
  const there = lines.filter((line) => line.amount.amount !== 0);
  return there.length === 0 ? [] : [{ name: 'items', amount: sum.items }, ...there];
}
