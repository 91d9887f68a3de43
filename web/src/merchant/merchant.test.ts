import { expect, test } from 'vitest';
import type { Order } from '../lib/types';
import { pick, records } from './csv';
import { matches, mayCancel, mayShip, passes, refundable, totals } from './listing';

const usd = (amount: number) => ({ amount, currency: 'USD' });

function order(change: Partial<Order> = {}): Order {
  return {
    id: '01939f6e-7a10-7cc3-98c4-dc0c0c07398f',
    channel: 'tea',
    state: 'paid',
    parcel: 'unfulfilled',
    lines: [{ product: 'p', title: 'Sencha', quantity: 1, price: usd(1250) }],
    items: usd(1250),
    discount: usd(0),
    shipping: usd(0),
    tax: usd(0),
    tip: usd(0),
    total: usd(1250),
    fee: usd(63),
    refunded: usd(0),
    currency: 'USD',
    created_at: '2026-11-20T19:00:00.000Z',
    buyer: { name: 'jose', email: 'jose@example.com', address: { name: 'José Cruz', line1: 'Rua 1', city: 'Porto', country: 'PT', phone: '+351 912 345 678' } },
    ...change,
  };
}

test('what is to be packed is paid and here; what was sent stays so after a refund', () => {
  expect(passes(order(), 'to_pack')).toBe(true);
  expect(passes(order({ parcel: 'packed' }), 'to_pack')).toBe(true);
  expect(passes(order({ state: 'processing' }), 'to_pack')).toBe(false);
  expect(passes(order({ state: 'refunded' }), 'to_pack')).toBe(false);
  expect(passes(order({ parcel: 'shipped' }), 'to_pack')).toBe(false);
  expect(passes(order({ state: 'refunded', parcel: 'delivered' }), 'shipped')).toBe(true);
  expect(passes(order(), 'shipped')).toBe(false);
  expect(passes(order({ state: 'expired' }), 'all')).toBe(true);
});

test('an order is found by the end of its number, a name without its accents, a phone, and not by chance', () => {
  for (const typed of ['', ' 07398f', '07398F', 'jose', 'CRUZ', 'jose@', '912345', '912 345']) expect(matches(order(), typed), typed).toBe(true);
  for (const typed of ['073990', 'ana', '91x', '912 346']) expect(matches(order(), typed), typed).toBe(false);
  expect(matches(order({ shipment: { carrier: 'CTT', tracking: 'RR12', shipped_at: '' } }), 'rr12')).toBe(true);
});

test('what may be done with an order follows its state', () => {
  expect([order(), order({ parcel: 'shipped' }), order({ parcel: 'delivered' }), order({ state: 'refunded' })].map(mayShip)).toEqual([true, true, false, false]);
  expect(refundable(order({ refunded: usd(250) }))).toEqual(usd(1000));
  expect(refundable(order({ state: 'processing' }))).toEqual(usd(0));
  expect((['charging', 'action_required', 'processing', 'releasing', 'paid'] as const).filter((state) => mayCancel(order({ state })))).toEqual(['action_required', 'processing']);
});

test('totals are of what was paid, by currency', () => {
  const idr = { total: { amount: 34900000, currency: 'IDR' }, fee: undefined, refunded: undefined };
  expect(totals([order(), order({ state: 'refunded', refunded: usd(1250) }), order({ state: 'expired' }), order(idr)])).toEqual([
    { currency: 'USD', gross: 2500, fees: 126, refunds: 1250 },
    { currency: 'IDR', gross: 34900000, fees: 0, refunds: 0 },
  ]);
});

test('rows of a CSV are picked as they stand, with quotes and line ends inside', () => {
  const text = 'order,title\r\na,plain\r\nb,"two\r\nlines, ""quoted"""\r\nc,last\r\n';
  expect(records(text)).toEqual(['order,title', 'a,plain', 'b,"two\r\nlines, ""quoted"""', 'c,last']);
  expect(pick(text, new Set(['b', 'x']))).toBe('order,title\r\nb,"two\r\nlines, ""quoted"""\r\n');
  expect(pick('', new Set(['b']))).toBe('\r\n');
});
