import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Channel, Event, Pin, Product } from '../lib/types';
import { Room } from './room.svelte';

const usd = (amount: number) => ({ amount, currency: 'USD' });
const product = (id: string): Product => ({ id, channel: 'tea', sku: id, title: id, description: '', price: usd(1000), stock: { available: 9, held: 0, sold: 0 }, image: '' });
const at = (second: number) => new Date(Date.UTC(2026, 10, 20, 19, 0, second)).toISOString();
const ms = (second: number) => Date.parse(at(second));
const pin = (id: string, second: number): Pin => ({ pin: id, product: product(`of ${id}`), offer: null, media_at: at(second), pinned_at: at(second) });
const channel: Channel = { slug: 'tea', title: 'Tea', live: true, state: 'live', viewers: 1, hls: '/hls/tea/index.m3u8' };

let sockets: any[];
let calls: string[];

beforeEach(() => {
  vi.useFakeTimers({ now: ms(0) });
  sockets = [];
  calls = [];
  vi.stubGlobal('location', { protocol: 'http:', host: 'shop' });
  vi.stubGlobal('addEventListener', () => undefined);
  vi.stubGlobal('removeEventListener', () => undefined);
  vi.stubGlobal('document', { addEventListener: () => undefined, removeEventListener: () => undefined, visibilityState: 'visible' });
  vi.stubGlobal(
    'WebSocket',
    class {
      readyState = 1;
      constructor(readonly url: string) {
        sockets.push(this);
      }
      close() {}
      send() {}
    },
  );
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    calls.push(`${init.method} ${url.replace('/api/v1', '')}`);
    if (url.endsWith('/me')) return new Response(JSON.stringify({ id: 'p1', name: 'Mira', guest: true, email: '', address: null, roles: {}, payment_methods: [] }));
    if (url.endsWith('/channels/tea')) return new Response(JSON.stringify({ ...channel, live: false, state: 'paused' }));
    return new Response(JSON.stringify({ products: [], currencies: {}, sandbox: true }));
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function enter(hooks = {}) {
  const room = new Room(channel, true, hooks);
  const leave = room.open();
  const says = (...events: Partial<Event>[]) => sockets.at(-1).onmessage({ data: JSON.stringify(events) });
  return { room, says, leave };
}

const welcome = (data: object = {}) => ({ type: 'welcome', epoch: 'e', seq: 1, data: { you: { id: '', name: '', roles: [] }, live: true, pin: null, history: [], ...data } });

test('a card waits for the picture; what came before the viewer joined is there at once', () => {
  const { room, says, leave } = enter();
  says(welcome({ pin: pin('a', -30) }), { type: 'pinned', seq: 2, media_at: at(10), data: pin('b', 10) });
  room.follow(ms(9));
  expect(room.pin?.pin).toBe('a');
  expect(room.newestPin?.pin).toBe('b');
  room.follow(ms(10));
  expect(room.pin?.pin).toBe('b');
  says({ type: 'unpinned', seq: 3, media_at: at(20), data: { pin: 'b', product: 'of b' } });
  room.follow(ms(19));
  expect(room.pin?.pin).toBe('b');
  room.follow(ms(20));
  expect(room.pin).toBeNull();
  leave();
});

test('without a moving picture cards apply on arrival', () => {
  const { room, says, leave } = enter();
  says(welcome(), { type: 'pinned', seq: 2, media_at: at(50), data: pin('a', 50) });
  room.follow(null);
  expect(room.pin?.pin).toBe('a');
  leave();
});

test('a price is a fact: it changes the card on screen without waiting for the picture', () => {
  const { room, says, leave } = enter();
  says(welcome({ pin: { ...pin('a', 0), offer: { price: usd(700), seconds: 60, ends_at: at(59) } } }));
  room.follow(ms(1));
  expect(room.pin?.offer?.price.amount).toBe(700);
  says({ type: 'price', seq: 2, data: { product: 'of a', price: usd(1000), offer: null } });
  room.follow(ms(1));
  expect(room.pin?.offer).toBeNull();
  leave();
});

test('an unpin that was missed while away is made up for by the welcome', () => {
  const { room, says, leave } = enter();
  says(welcome({ pin: pin('a', 0) }));
  says(welcome({ pin: null, resumed: true }));
  room.follow(null);
  expect(room.pin).toBeNull();
  leave();
});

test('the picture is rebuilt when the encoder is back, and a pause missed while away is asked for', async () => {
  const onLive = vi.fn();
  const { room, says, leave } = enter({ onLive });
  says(welcome());
  says({ type: 'paused', seq: 2, data: {} });
  expect(room.state).toBe('paused');
  says({ type: 'live', seq: 3, data: {} });
  expect(room.state).toBe('live');
  expect(onLive).toHaveBeenCalledTimes(1);
  says(welcome({ live: false, resumed: true }));
  await vi.advanceTimersByTimeAsync(0);
  expect(room.state).toBe('paused');
  leave();
});

test('a reader asks for no account; somebody does, once', async () => {
  const { room, says, leave } = enter();
  says(welcome());
  await vi.advanceTimersByTimeAsync(0);
  expect(calls).not.toContain('GET /me');
  says(welcome({ you: { id: 'p1', name: 'Mira', roles: ['moderator'] }, resumed: true }));
  await vi.advanceTimersByTimeAsync(0);
  expect(room.me?.name).toBe('Mira');
  expect(room.can('owner', 'moderator')).toBe(true);
  says(welcome({ you: { id: 'p1', name: 'Mira', roles: [] }, resumed: true }));
  await vi.advanceTimersByTimeAsync(0);
  expect(calls.filter((c) => c === 'GET /me')).toHaveLength(1);
  leave();
});

test('a session that has ended lets its former owner watch on as a reader, and is tried once only', async () => {
  const { room, leave } = enter();
  sockets[0].onclose({ code: 4101 });
  await vi.advanceTimersByTimeAsync(0);
  expect(calls).toContain('POST /logout');
  expect(sockets).toHaveLength(2);
  sockets[1].onclose({ code: 4101 });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sockets).toHaveLength(2);
  expect(room.connection).toBe('closed');
  leave();
});

test('stock and viewers are told at once, history only replaces what is shown when nothing could be resumed', () => {
  const { room, says, leave } = enter();
  const message = { type: 'message', seq: 1, data: { id: 'm1', from: { id: 'u', name: 'Ana' }, text: 'hi' } };
  says(welcome({ history: [message] }), { type: 'viewers', data: { count: 7 } });
  room.shelf.put(product('cup'));
  says({ type: 'stock', data: { product: 'cup', available: 2 } });
  expect(room.viewers).toBe(7);
  expect(room.shelf.find('cup')?.stock.available).toBe(2);
  says(welcome({ resumed: true, history: [] }));
  expect(room.chat.rows).toHaveLength(1);
  says(welcome({ resumed: false, history: [] }));
  expect(room.chat.rows).toHaveLength(0);
  leave();
});
