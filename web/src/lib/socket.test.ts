import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RoomSocket, roomURL, type SocketState } from './socket';
import type { Event } from './types';

class FakeSocket {
  readyState = 1;
  sent: any[] = [];
  onmessage: ((m: { data: string }) => void) | null = null;
  onclose: ((c: { code: number }) => void) | null = null;
  constructor(readonly url: string) {}
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
  says(...events: Partial<Event>[]) {
    this.onmessage?.({ data: JSON.stringify(events) });
  }
  ends(code: number) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

function room() {
  const sockets: FakeSocket[] = [];
  const seen: Event[] = [];
  const states: [SocketState, number][] = [];
  const client = new RoomSocket({
    url: 'ws://shop/ws/tea',
    onEvents: (events) => seen.push(...events),
    onState: (state, code) => states.push([state, code]),
    open: (url) => {
      const socket = new FakeSocket(url);
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    random: () => 1,
  });
  client.start();
  return { client, sockets, seen, states, last: () => sockets.at(-1)! };
}

const welcome = (epoch: string, seq: number, resumed = false) => ({ type: 'welcome', epoch, seq, data: { resumed } });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('comes back with its position and hands every numbered event over once', () => {
  const { sockets, seen, last } = room();
  expect(last().url).toBe('ws://shop/ws/tea');
  last().says(welcome('e1', 10), { type: 'message', seq: 11, data: {} }, { type: 'viewers', data: { count: 3 } });
  last().ends(1006);
  vi.advanceTimersByTime(500);
  expect(sockets).toHaveLength(2);
  expect(last().url).toBe('ws://shop/ws/tea?since=11&epoch=e1');
  last().says(welcome('e1', 11, true), { type: 'message', seq: 11, data: {} }, { type: 'message', seq: 12, data: {} });
  expect(seen.map((e) => e.seq)).toEqual([10, 11, undefined, 11, 12]);
  expect(seen.map((e) => e.type)).toEqual(['welcome', 'message', 'viewers', 'welcome', 'message']);
});

test('a gap moves the position over what was left out', () => {
  const { last, seen } = room();
  last().says(welcome('e1', 10));
  last().says({ type: 'gap', data: { from: 11, to: 40 } }, { type: 'message', seq: 41, data: {} }, { type: 'message', seq: 40, data: {} });
  expect(seen.map((e) => e.type)).toEqual(['welcome', 'gap', 'message']);
  last().says({ type: 'gap', data: { from: 42, to: 60 } });
  last().ends(4001);
  vi.advanceTimersByTime(500);
  expect(last().url).toContain('since=60');
});

test('a new epoch replaces the position, also by a lower number', () => {
  const { last, seen } = room();
  last().says(welcome('e1', 900));
  last().ends(4002);
  vi.advanceTimersByTime(500);
  last().says(welcome('e2', 5), { type: 'message', seq: 6, data: {} });
  expect(seen.at(-1)!.seq).toBe(6);
});

test('waits longer after every failure, at most twenty seconds, and starts over once welcomed', () => {
  const { sockets, last } = room();
  for (const wait of [500, 1000, 2000, 4000, 8000, 16000, 20000, 20000]) {
    const before = sockets.length;
    last().ends(1006);
    vi.advanceTimersByTime(wait - 1);
    expect(sockets).toHaveLength(before);
    vi.advanceTimersByTime(1);
    expect(sockets).toHaveLength(before + 1);
  }
  last().says(welcome('e1', 1));
  const before = sockets.length;
  last().ends(4001);
  vi.advanceTimersByTime(500);
  expect(sockets).toHaveLength(before + 1);
});

test.each([4100, 4101, 4102, 4199])('stays away after %i until told to restart', (code) => {
  const { client, sockets, states, last } = room();
  last().ends(code);
  vi.advanceTimersByTime(120_000);
  expect(sockets).toHaveLength(1);
  expect(states.at(-1)).toEqual(['closed', code]);
  client.restart();
  expect(sockets).toHaveLength(2);
});

test('a reply settles its command, a dead connection settles all as offline', async () => {
  const { client, last, seen } = room();
  last().says(welcome('e1', 1));
  const first = client.send({ do: 'say', text: 'hi' });
  const second = client.send({ do: 'react' });
  expect(last().sent).toEqual([{ id: 1, do: 'say', text: 'hi' }, { id: 2, do: 'react' }]);
  last().says({ type: 'reply', data: { id: 1, ok: false, code: 'too_fast', retry_ms: 3000 } });
  expect(await first).toMatchObject({ ok: false, code: 'too_fast', retry_ms: 3000 });
  last().ends(1006);
  expect(await second).toEqual({ ok: false, code: 'offline' });
  expect(seen).toHaveLength(1);
});

test('sending while disconnected answers at once', async () => {
  const { client, last } = room();
  last().ends(1006);
  expect(await client.send({ do: 'say', text: 'hi' })).toEqual({ ok: false, code: 'offline' });
});

test('forty-five silent seconds are a dead connection', () => {
  const { sockets, last } = room();
  last().says(welcome('e1', 1));
  vi.advanceTimersByTime(40_000);
  last().says({ type: 'viewers', data: { count: 1 } });
  vi.advanceTimersByTime(44_000);
  expect(sockets).toHaveLength(1);
  vi.advanceTimersByTime(10_000);
  expect(sockets).toHaveLength(2);
});

test('waking a page whose socket died in its sleep reconnects without waiting for the watchdog', () => {
  const { client, sockets, last } = room();
  last().says(welcome('e1', 1));
  client.wake();
  expect(sockets).toHaveLength(1);
  vi.setSystemTime(Date.now() + 30_000); // timers did not run meanwhile
  client.wake();
  vi.advanceTimersByTime(500);
  expect(sockets).toHaveLength(2);
});

test('what a dropped socket says later is not heard', () => {
  const { client, sockets, seen } = room();
  client.restart();
  sockets[0]!.says(welcome('old', 1));
  expect(seen).toEqual([]);
  sockets[0]!.ends(1000);
  vi.advanceTimersByTime(40_000);
  expect(sockets).toHaveLength(2);
});

test('the address follows the page', () => {
  expect(roomURL('tea', { protocol: 'https:', host: 'shop.example' })).toBe('wss://shop.example/ws/tea');
  expect(roomURL('tea', { protocol: 'http:', host: 'localhost:8080' })).toBe('ws://localhost:8080/ws/tea');
});
