import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError, NetworkError } from './api';
import { Checkout, undoWindow, type Answer, type Basket, type State } from './checkout';
import type { Order, Quote } from './types';

const basket: Basket = { channel: 'tea', product: 'p1', pin: 'pin1', quantity: 1, price: { amount: 1250, currency: 'USD' } };
const order = (state: Order['state'], more: Partial<Order> = {}) => ({ id: 'o1', state, parcel: 'unfulfilled', lines: [], ...more }) as unknown as Order;

type Sent = { key: string; basket: Basket; answer(a: Answer): void; fail(e: Error): void };

function till() {
  const sent: Sent[] = [];
  const looks: { answer(o: Order): void; fail(e: Error): void }[] = [];
  let keys = 0;
  const world = { online: true };
  const states: State['at'][] = [];
  const checkout = new Checkout({
    send: (b, key) => new Promise((answer, fail) => sent.push({ key, basket: b, answer, fail })),
    look: () => new Promise((answer, fail) => looks.push({ answer, fail })),
    mint: () => `key${++keys}`,
    online: () => world.online,
    changed: (s) => states.push(s.at),
  });
  return { checkout, sent, looks, world, states };
}

const settled = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('one tap sends once, however often it is tapped, and paid is the answer', async () => {
  const { checkout, sent, states } = till();
  checkout.open(basket);
  checkout.pay();
  checkout.pay();
  checkout.pay();
  expect(sent).toHaveLength(1);
  expect(sent[0]).toMatchObject({ key: 'key1', basket });
  expect(states).toEqual(['review', 'paying']);
  sent[0]!.answer({ order: order('paid') });
  await settled();
  expect(checkout.state).toMatchObject({ at: 'paid', order: { id: 'o1' } });
  checkout.pay();
  expect(sent).toHaveLength(1);
});

describe('one tap on the card', () => {
  test('sends nothing before the undo window has passed', () => {
    const { checkout, sent } = till();
    checkout.payInOneTap(basket);
    checkout.payInOneTap(basket);
    vi.advanceTimersByTime(undoWindow - 1);
    expect(sent).toHaveLength(0);
    vi.advanceTimersByTime(1);
    expect(sent).toHaveLength(1);
  });

  test('undo sends nothing at all', () => {
    const { checkout, sent } = till();
    checkout.payInOneTap(basket);
    checkout.undo();
    vi.advanceTimersByTime(60_000);
    expect(sent).toHaveLength(0);
    expect(checkout.state.at).toBe('closed');
  });

  test('undo after sending does nothing', () => {
    const { checkout } = till();
    checkout.payInOneTap(basket);
    vi.advanceTimersByTime(undoWindow);
    checkout.undo();
    expect(checkout.state.at).toBe('paying');
  });

  test('a price that rises in the window stops the purchase and shows both prices', () => {
    const { checkout, sent } = till();
    checkout.payInOneTap(basket);
    checkout.setTerms({ amount: 1500, currency: 'USD' }, undefined);
    vi.advanceTimersByTime(60_000);
    expect(sent).toHaveLength(0);
    expect(checkout.state).toMatchObject({ at: 'review', basket: { price: { amount: 1500 } }, problem: { kind: 'price_changed', was: { amount: 1250 } } });
  });

  test('closing the page part that shows it undoes it', () => {
    const { checkout, sent } = till();
    checkout.payInOneTap(basket);
    checkout.close();
    vi.advanceTimersByTime(60_000);
    expect(sent).toHaveLength(0);
  });
});

describe('final refusals take a new key', () => {
  test.each([
    [new ApiError(402, 'payment_declined', 'Your bank said no.'), { kind: 'declined', detail: 'Your bank said no.' }],
    [new ApiError(409, 'sold_out', ''), { kind: 'sold_out' }],
    [new ApiError(409, 'limit_reached', 'Two each.'), { kind: 'limit_reached', detail: 'Two each.' }],
    [new ApiError(451, 'region_blocked', 'Not sold there.', { handoff_url: 'https://x.example' }), { kind: 'region_blocked', handoff: 'https://x.example' }],
    [new ApiError(422, 'key_reused', 'Used.'), { kind: 'refused', code: 'key_reused' }],
  ])('%s', async (err, problem) => {
    const { checkout, sent } = till();
    checkout.open(basket);
    checkout.pay();
    sent[0]!.fail(err);
    await settled();
    expect(checkout.state).toMatchObject({ at: 'review', problem });
    checkout.pay();
    expect(sent[1]!.key).not.toBe(sent[0]!.key);
  });

  test('price_changed shows old and new and buys at the new one only after another tap', async () => {
    const { checkout, sent } = till();
    checkout.open(basket);
    checkout.pay();
    sent[0]!.fail(new ApiError(409, 'price_changed', '', { price: { amount: 1600, currency: 'USD' } }));
    await settled();
    expect(checkout.state).toMatchObject({ at: 'review', basket: { price: { amount: 1600 } }, problem: { kind: 'price_changed', was: { amount: 1250 } } });
    expect(sent).toHaveLength(1);
    checkout.pay();
    expect(sent[1]!.basket.price.amount).toBe(1600);
  });
});

test('too_fast keeps the key: the intent was not looked at', async () => {
  const { checkout, sent } = till();
  checkout.open(basket);
  checkout.pay();
  sent[0]!.fail(new ApiError(429, 'too_fast', '', { retry_ms: 2000 }));
  await settled();
  expect(checkout.state).toMatchObject({ problem: { kind: 'too_fast', retryMs: 2000 } });
  checkout.pay();
  expect(sent[1]!.key).toBe(sent[0]!.key);
});

describe('an unknown outcome', () => {
  test.each([[new NetworkError('gone')], [new ApiError(502, 'http_502', '')]])('%s is asked again with the same key and basket', async (err) => {
    const { checkout, sent } = till();
    checkout.open(basket);
    checkout.pay();
    sent[0]!.fail(err);
    await settled();
    expect(checkout.state).toMatchObject({ at: 'checking', stuck: false });
    checkout.pay();
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toHaveLength(2);
    expect(sent[1]).toMatchObject({ key: sent[0]!.key, basket });
    sent[1]!.answer({ order: order('paid') });
    await settled();
    expect(checkout.state.at).toBe('paid');
  });

  test('tells the buyer after a while, and keeps the key when asked for more', async () => {
    const { checkout, sent } = till();
    checkout.open(basket);
    checkout.pay();
    for (let i = 0; i < 7; i++) {
      sent[i]!.fail(new NetworkError('gone'));
      await vi.advanceTimersByTimeAsync(8_000);
    }
    expect(checkout.state).toMatchObject({ at: 'checking', stuck: true });
    checkout.close();
    expect(checkout.state.at).toBe('checking');
    checkout.checkAgain();
    expect(new Set(sent.map((s) => s.key)).size).toBe(1);
    expect(sent).toHaveLength(8);
  });
});

test('offline before sending is certain: nothing was charged', () => {
  const { checkout, sent, world } = till();
  world.online = false;
  checkout.open(basket);
  checkout.pay();
  expect(sent).toHaveLength(0);
  expect(checkout.state).toMatchObject({ at: 'review', problem: { kind: 'offline' } });
});

describe('a bank check', () => {
  async function asked() {
    const t = till();
    t.checkout.open(basket);
    t.checkout.pay();
    t.sent[0]!.answer({ order: order('action_required'), action: { redirect_url: '/bank/1' } });
    await settled();
    expect(t.checkout.state).toMatchObject({ at: 'action', url: '/bank/1' });
    return t;
  }

  test('is over when the room says paid', async () => {
    const { checkout } = await asked();
    checkout.told(order('paid', { id: 'another' }));
    expect(checkout.state.at).toBe('action');
    checkout.told(order('paid'));
    expect(checkout.state.at).toBe('paid');
  });

  test('is over when looking says paid, and keeps its page while nothing changed', async () => {
    const { checkout, looks } = await asked();
    await vi.advanceTimersByTimeAsync(2_000);
    looks[0]!.answer(order('action_required'));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(checkout.state).toMatchObject({ at: 'action', url: '/bank/1' });
    looks[1]!.fail(new NetworkError('gone'));
    await vi.advanceTimersByTimeAsync(2_000);
    looks[2]!.answer(order('paid'));
    await settled();
    expect(checkout.state.at).toBe('paid');
  });

  test.each([
    [order('payment_failed'), { kind: 'check_failed' }],
    [order('payment_failed', { decline: { code: 'payment_intent_authentication_failure', detail: 'Failed.' } }), { kind: 'check_failed' }],
    [order('payment_failed', { decline: { code: 'x', detail: 'No funds.' } }), { kind: 'declined', detail: 'No funds.' }],
    [order('expired'), { kind: 'expired' }],
    [order('canceled'), { kind: 'canceled' }],
  ])('that ends as %s charges nothing and takes a new key', async (end, problem) => {
    const { checkout, sent } = await asked();
    checkout.told(end);
    expect(checkout.state).toMatchObject({ at: 'review', problem });
    checkout.pay();
    expect(sent[1]!.key).not.toBe(sent[0]!.key);
  });
});

test('a payment that goes on by itself is followed until it ends, and another purchase may start meanwhile', async () => {
  const { checkout, sent, looks } = till();
  checkout.open(basket);
  checkout.pay();
  sent[0]!.answer({ order: order('processing') });
  await settled();
  expect(checkout.state.at).toBe('pending');
  expect(checkout.busy).toBe(false);
  await vi.advanceTimersByTimeAsync(2_000);
  looks[0]!.answer(order('paid'));
  await settled();
  expect(checkout.state.at).toBe('paid');
});

test('an order being released may still be paid, so it is not over', async () => {
  const { checkout, sent, looks } = till();
  checkout.open(basket);
  checkout.pay();
  sent[0]!.answer({ order: order('releasing') });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(checkout.state.at).toBe('pending');
  looks[0]!.answer(order('expired'));
  await settled();
  expect(checkout.state).toMatchObject({ at: 'review', problem: { kind: 'expired' } });
});

describe('another basket is another intent', () => {
  test('quantity', () => {
    const { checkout, sent } = till();
    checkout.open(basket);
    checkout.setQuantity(2);
    checkout.pay();
    expect(sent[0]).toMatchObject({ key: 'key2', basket: { quantity: 2 } });
  });

  test('terms: the same terms again change nothing, new ones need another tap', () => {
    const { checkout, states } = till();
    checkout.open(basket);
    checkout.setTerms(basket.price, basket.pin);
    expect(states).toEqual(['review']);
    checkout.setTerms({ amount: 1400, currency: 'USD' }, undefined);
    checkout.setTerms({ amount: 1500, currency: 'USD' }, undefined);
    expect(checkout.state).toMatchObject({ basket: { price: { amount: 1500 } }, problem: { kind: 'price_changed', was: { amount: 1250 } } });
  });

  test('nothing changes under a request', () => {
    const { checkout } = till();
    checkout.open(basket);
    checkout.pay();
    checkout.setTerms({ amount: 1400, currency: 'USD' }, undefined);
    checkout.setQuantity(3);
    checkout.open({ ...basket, product: 'p2' });
    checkout.close();
    expect(checkout.state).toMatchObject({ at: 'paying', basket });
  });
});

describe('the sum', () => {
  const usd = (amount: number) => ({ amount, currency: 'USD' });
  const quoteOf = (total: number, name = 'q'): Quote => ({
    quote: name, expires_at: '2030-01-01T00:00:00.000Z', product: 'p1', pin: 'pin1', quantity: 1, country: 'PT',
    price: usd(1250), items: usd(1250), discount: usd(0), shipping: usd(total - 1250), tax: usd(0), tip: usd(0), total: usd(total),
  });

  function quoting() {
    const asked: { basket: Basket; answer(q: Quote | null): void; fail(e: Error): void }[] = [];
    const sent: Sent[] = [];
    let keys = 0;
    const checkout = new Checkout({
      quote: (b) => new Promise((answer, fail) => asked.push({ basket: b, answer, fail })),
      send: (b, key) => new Promise((answer, fail) => sent.push({ key, basket: b, answer, fail })),
      look: () => new Promise(() => undefined),
      mint: () => `key${++keys}`,
      online: () => true,
      changed: () => undefined,
    });
    return { checkout, asked, sent };
  }

  test('nothing can be agreed to before the sum is known, and another quantity is another sum', async () => {
    const { checkout, asked, sent } = quoting();
    checkout.open(basket);
    checkout.pay();
    expect(sent).toHaveLength(0);
    asked[0]!.answer(quoteOf(1650));
    await settled();
    checkout.setQuantity(2);
    checkout.pay();
    expect(sent).toHaveLength(0);
    asked[1]!.answer(quoteOf(2900, 'two'));
    await settled();
    checkout.pay();
    expect(sent[0]!.basket.quote!.quote).toBe('two');
  });

  test('an answer to an earlier question is no answer', async () => {
    const { checkout, asked } = quoting();
    checkout.open(basket);
    checkout.setQuantity(2);
    asked[0]!.answer(quoteOf(1650));
    await settled();
    expect(checkout.state).toMatchObject({ at: 'review', basket: { quantity: 2 } });
    expect((checkout.state as { basket: Basket }).basket.quote).toBeUndefined();
  });

  test('another sum is shown beside the one that was agreed to, and needs another tap', async () => {
    const { checkout, asked, sent } = quoting();
    checkout.open(basket);
    asked[0]!.answer(quoteOf(1650));
    await settled();
    checkout.pay();
    sent[0]!.fail(new ApiError(409, 'price_changed', '', { price: usd(1250), quote: quoteOf(1750, 'new') }));
    await settled();
    expect(checkout.state).toMatchObject({ at: 'review', problem: { kind: 'price_changed', was: usd(1650) } });
    checkout.pay();
    expect(sent[1]).toMatchObject({ key: 'key2', basket: { quote: { quote: 'new' } } });
  });

  test('the same sum under a new quote is no news: it is sent at once, under a new key', async () => {
    const { checkout, asked, sent } = quoting();
    checkout.open(basket);
    asked[0]!.answer(quoteOf(1650));
    await settled();
    checkout.pay();
    sent[0]!.fail(new ApiError(409, 'price_changed', '', { price: usd(1250), quote: quoteOf(1650, 'new') }));
    await settled();
    expect(sent[1]).toMatchObject({ key: 'key2', basket: { quote: { quote: 'new' } } });
  });

  test('one tap on a price that is all is one tap; on one that is not all it opens the sheet', async () => {
    for (const [total, at] of [[1250, 'paying'], [1650, 'review']] as const) {
      const { checkout, asked } = quoting();
      checkout.payInOneTap(basket);
      asked[0]!.answer(quoteOf(total));
      await vi.advanceTimersByTimeAsync(undoWindow);
      expect(checkout.state.at).toBe(at);
    }
    const { checkout, sent } = quoting();
    checkout.payInOneTap({ ...basket, quote: quoteOf(1650) });
    await vi.advanceTimersByTimeAsync(undoWindow);
    expect(sent).toHaveLength(1);
  });

  test('a sum that cannot be had can be asked for again; where nothing is shipped nothing is paid', async () => {
    const { checkout, asked } = quoting();
    checkout.open(basket);
    asked[0]!.fail(new NetworkError());
    await settled();
    expect(checkout.state).toMatchObject({ at: 'review', problem: { kind: 'unpriced' } });
    checkout.requote();
    asked[1]!.fail(new ApiError(409, 'not_shipped_there', '', {}));
    await settled();
    expect(checkout.state).toMatchObject({ at: 'review', problem: { kind: 'not_shipped' } });
  });
});
