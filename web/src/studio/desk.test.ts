import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Pin, Product } from '../lib/types';
import type { Room } from '../room/room.svelte';
import { digitOf } from './keys';
import { Lineup } from './lineup.svelte';
import { PinDesk, remaining } from './pindesk.svelte';

const product = (id: string) => ({ id, title: id.toUpperCase(), price: { amount: 1000, currency: 'USD' } }) as Product;
const pin = (id: string, of: string, offer: Pin['offer'] = null) => ({ pin: id, product: product(of), offer }) as Pin;

let calls: { method: string; path: string; body: any }[];
let answer: (method: string, body: any) => { status?: number; body?: unknown };

beforeEach(() => {
  calls = [];
  vi.stubGlobal('fetch', async (path: string, init: { method: string; body?: string }) => {
    const body = init.body ? JSON.parse(init.body) : undefined;
    calls.push({ method: init.method, path: path.replace('/api/v1', ''), body });
    const { status = 200, body: text } = answer(init.method, body);
    return new Response(text === undefined ? '' : JSON.stringify(text), { status });
  });
});
afterEach(() => vi.unstubAllGlobals());

/** A room that hears of every pin at once, as the websocket would tell it. */
function room(newestPin: Pin | null = null): Room {
  const made = { channel: { slug: 'tea' }, newestPin, currencies: {}, now: 0 } as unknown as Room;
  let n = 0;
  answer = (method, body) => {
    if (method === 'DELETE') made.newestPin = null;
    else made.newestPin = pin(`p${++n}`, body.product);
    return { body: made.newestPin };
  };
  return made;
}

test('a digit is the key at that place, and none with a modifier', () => {
  const press = (code: string, more = {}) => digitOf({ code, altKey: false, ctrlKey: false, metaKey: false, shiftKey: false, ...more });
  expect([press('Digit1'), press('Numpad0'), press('KeyA'), press('F1'), press('Digit1', { ctrlKey: true })]).toEqual([1, 0, null, null, null]);
});

test('undo brings back what was on air, once', async () => {
  const r = room(pin('old', 'a'));
  const desk = new PinDesk(r);
  expect(desk.undoable).toBeNull();
  await desk.pin(product('b'));
  expect(desk.undoable).toEqual({ title: 'B', pinned: true });
  await desk.undo();
  expect(calls.map((c) => c.body)).toEqual([{ product: 'b' }, { product: 'a' }]);
  expect(desk.undoable).toBeNull();
  await desk.unpin();
  expect(desk.undoable).toEqual({ title: 'A', pinned: false });
  await desk.undo();
  expect(r.newestPin?.product.id).toBe('a');
});

test('with nothing on air before, undo takes the card off', async () => {
  const r = room();
  const desk = new PinDesk(r);
  await desk.unpin();
  expect(calls).toEqual([]);
  await desk.pin(product('b'));
  await desk.undo();
  expect(calls.at(-1)!.method).toBe('DELETE');
  expect(r.newestPin).toBeNull();
});

test('what another host put on air is told, and not undone from here', async () => {
  const r = room(pin('old', 'a'));
  const desk = new PinDesk(r);
  expect(desk.elsewhere).toBeNull(); // it was there when the page came
  await desk.pin(product('b'));
  expect(desk.elsewhere).toBeNull();
  r.newestPin = pin('theirs', 'c');
  expect(desk.elsewhere?.product.id).toBe('c');
  expect(desk.undoable).toBeNull();
  const before = calls.length;
  await desk.undo();
  expect(calls.length).toBe(before);
});

test('a flash price is for one pin; one that is no discount pins nothing', async () => {
  const desk = new PinDesk(room());
  desk.flash = 'percent';
  desk.percent = 25;
  await desk.pin(product('a'));
  await desk.pin(product('b'));
  expect(calls.map((c) => c.body.offer)).toEqual([{ price: { amount: 750, currency: 'USD' }, seconds: 60 }, undefined]);
  desk.flash = 'price';
  desk.price = '10.00';
  await desk.pin(product('c'));
  expect(calls.length).toBe(2);
  expect(desk.problem).not.toBe('');
});

test('a refusal is told and changes nothing', async () => {
  const desk = new PinDesk(room());
  answer = () => ({ status: 404, body: { code: 'no_such_product', detail: 'It is gone.' } });
  await desk.pin(product('a'));
  expect(desk.problem).toBe('It is gone.');
  expect(desk.busy).toBe('');
  expect(desk.undoable).toBeNull();
});

test('an offer comes back for the time it had left, and not when that is over', () => {
  const offer = { price: { amount: 800, currency: 'USD' }, seconds: 60, ends_at: new Date(60_000).toISOString(), left: 3, per_buyer: 2 };
  expect(remaining(pin('p', 'a', offer), 20_500)).toEqual({ price: offer.price, seconds: 39, stock: 3, per_buyer: 2 });
  expect(remaining(pin('p', 'a', offer), 57_000)).toBeNull();
  expect(remaining(pin('p', 'a', { ...offer, left: 0 }), 0)).toBeNull();
  expect(remaining(pin('p', 'a'), 0)).toBeNull();
});

const shelf = ['a', 'b', 'c'].map(product);
const ids = (lineup: Lineup) => lineup.order(shelf).map((p) => p.id).join('');

test('the run of show comes first, the rest as the shelf has it', async () => {
  const lineup = new Lineup('tea');
  expect(ids(lineup)).toBe('abc');
  answer = () => ({ body: { products: ['c', 'gone'] } });
  await lineup.load();
  expect(ids(lineup)).toBe('cab');
});

test('a move is shown at once and sent whole; at an end nothing happens', async () => {
  const lineup = new Lineup('tea');
  answer = () => ({ body: { products: [] } });
  const moved = lineup.move(shelf, 'a', 1);
  expect(ids(lineup)).toBe('bac');
  expect(await Promise.all([moved, lineup.move(shelf, 'a', 1), lineup.move(shelf, 'a', 1)])).toEqual([1, 2, null]);
  expect(calls.map((c) => c.body.products.join(''))).toEqual(['bac', 'bca']);
});

test('a move that is refused gives the order back to the server', async () => {
  const lineup = new Lineup('tea');
  answer = (method) => (method === 'PUT' ? { status: 403, body: { code: 'not_allowed', detail: '' } } : { body: { products: ['c', 'b', 'a'] } });
  await expect(lineup.move(shelf, 'a', 1)).rejects.toMatchObject({ code: 'not_allowed' });
  await vi.waitFor(() => expect(ids(lineup)).toBe('cba'));
});
