import { afterEach, expect, test, vi } from 'vitest';
import type { Pin, Product } from '../lib/types';
import { Shelf, termsOf } from './shelf.svelte';

const usd = (amount: number) => ({ amount, currency: 'USD' });
const cup = (more: Partial<Product> = {}): Product => ({ id: 'cup', channel: 'tea', sku: 'c', title: 'Cup', description: '', price: usd(1000), stock: { available: 9, held: 0, sold: 0 }, image: '', ...more });
const pin: Pin = { pin: 'pin1', product: cup(), offer: { price: usd(700), seconds: 60, ends_at: '2026-11-20T19:01:00.000Z' }, media_at: '2026-11-20T19:00:00.000Z', pinned_at: '2026-11-20T19:00:00.000Z' };
const end = Date.parse(pin.offer!.ends_at);

function answering(...bodies: unknown[]) {
  vi.stubGlobal('fetch', async () => {
    const body = bodies.shift();
    if (body === undefined) throw new TypeError('network');
    return new Response(JSON.stringify(body));
  });
}

afterEach(() => vi.unstubAllGlobals());

test('an offer holds until the very instant the server ends it', () => {
  const shelf = new Shelf('tea');
  expect(termsOf(pin, shelf, end - 1)).toMatchObject({ price: usd(700), pin: 'pin1' });
  expect(termsOf(pin, shelf, end)).toMatchObject({ price: usd(1000), pin: 'pin1', offer: null });
});

test('terms follow the shelf, not the product as it was when pinned', async () => {
  answering({ products: [cup()] });
  const shelf = new Shelf('tea');
  await shelf.load();
  shelf.stock('cup', 2);
  shelf.price('cup', usd(1200));
  const terms = termsOf(pin, shelf, end);
  expect(terms.product.stock.available).toBe(2);
  expect(terms.price).toEqual(usd(1200));
});

test('a failed load is told once, and an old shelf is better than none', async () => {
  answering();
  const shelf = new Shelf('tea');
  await shelf.load();
  expect(shelf.state).toBe('failed');
  answering({ products: [cup()] });
  await shelf.load();
  expect(shelf.state).toBe('ready');
  await shelf.load();
  expect(shelf.state).toBe('ready');
  expect(shelf.products).toHaveLength(1);
});

test('put adds or replaces, drop removes', () => {
  const shelf = new Shelf('tea');
  shelf.put(cup());
  shelf.put(cup({ title: 'Better cup' }));
  expect(shelf.products.map((p) => p.title)).toEqual(['Better cup']);
  shelf.drop('cup');
  expect(shelf.products).toEqual([]);
});
