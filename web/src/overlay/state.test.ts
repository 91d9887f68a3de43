import { expect, test } from 'vitest';
import type { Pin } from '../lib/types';
import { Overlay } from './state';

const usd = (amount: number) => ({ amount, currency: 'USD' });
const pin = (id: string, available = 9, offer: Pin['offer'] = null): Pin => ({
  pin: id,
  product: { id: `p-${id}`, channel: 'tea', sku: id, title: id, description: '', price: usd(1000), stock: { available, held: 0, sold: 0 }, image: '' },
  offer,
  media_at: '2026-01-01T00:00:00.000Z',
  pinned_at: '2026-01-01T00:00:00.000Z',
});
const now = Date.parse('2026-01-01T00:00:10.000Z');

test('a pin is there at once and goes when it is taken off', () => {
  const o = new Overlay();
  o.take({ type: 'welcome', data: { pin: pin('a') } });
  expect(o.pin?.pin).toBe('a');
  o.take({ type: 'pinned', data: pin('b') });
  o.take({ type: 'unpinned', data: { pin: 'a', product: 'p-a' } }); // late news of the one before
  expect(o.pin?.pin).toBe('b');
  o.take({ type: 'unpinned', data: { pin: 'b', product: 'p-b' } });
  expect(o.pin).toBeNull();
  expect(o.terms(now)).toBeNull();
});

test('units are told when few, of the pinned product only', () => {
  const o = new Overlay();
  o.take({ type: 'pinned', data: pin('a', 6) });
  expect(o.few).toBeNull();
  o.take({ type: 'stock', data: { product: 'p-other', available: 1 } });
  expect(o.few).toBeNull();
  o.take({ type: 'sold', data: { product: 'p-a', title: 'a', quantity: 1, available: 5 } });
  expect(o.few).toBe(5);
  o.take({ type: 'stock', data: { product: 'p-a', available: 0 } });
  expect(o.few).toBe(0);
  o.take({ type: 'ended', data: { show: 's' } });
  expect(o.few).toBeNull();
});

test('an offer counts until its end and not after', () => {
  const o = new Overlay();
  o.take({ type: 'pinned', data: pin('a', 9, { price: usd(800), seconds: 20, ends_at: '2026-01-01T00:00:20.000Z' }) });
  expect(o.terms(now)).toEqual({ price: usd(800), former: usd(1000), endsAt: now + 10_000 });
  expect(o.terms(now + 10_000)).toEqual({ price: usd(1000), former: null, endsAt: 0 });
  o.take({ type: 'price', data: { product: 'p-a', price: usd(1200), offer: null } });
  expect(o.terms(now)?.price).toEqual(usd(1200));
});

test('a rush of sales keeps the newest', () => {
  const o = new Overlay();
  for (let i = 0; i < 50; i++) o.take({ type: 'sold', data: { product: 'x', title: `t${i}`, quantity: 1, available: 0 } });
  expect(o.sales.length).toBe(12);
  expect(o.sales.at(-1)?.title).toBe('t49');
});
