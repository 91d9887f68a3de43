import { expect, test } from 'vitest';
import type { Basket, Problem, State } from '../lib/checkout';
import type { Order } from '../lib/types';
import { missing, viewOf, type Facts } from './view';

const basket: Basket = { channel: 'tea', product: 'cup', quantity: 1, price: { amount: 100, currency: 'USD' } };
const all: Facts = { hasDetails: true, hasMethod: true, editing: null, known: true };
const review = (problem: Problem | null = null): State => ({ at: 'review', basket, problem });
const order = { id: 'o' } as Order;

test('a purchase passes through one view after the other', () => {
  const steps: [State, string][] = [
    [{ at: 'closed' }, 'nothing'],
    [review(), 'review'],
    [{ at: 'confirming', basket, since: 0 }, 'review'],
    [{ at: 'paying', basket, since: 0 }, 'review'],
    [{ at: 'checking', basket, stuck: false }, 'checking'],
    [{ at: 'action', basket, order, url: '/bank' }, 'bank'],
    [{ at: 'pending', basket, order }, 'pending'],
    [{ at: 'paid', basket, order }, 'paid'],
  ];
  for (const [step, view] of steps) expect(viewOf(step, all)).toBe(view);
});

test('what is missing is asked for before anything can be paid, details first', () => {
  expect(viewOf(review(), { ...all, hasDetails: false, hasMethod: false })).toBe('details');
  expect(viewOf(review(), { ...all, hasMethod: false })).toBe('method');
  expect(viewOf(review({ kind: 'refused', code: 'address_missing', detail: '' }), all)).toBe('details');
  expect(viewOf(review({ kind: 'refused', code: 'payment_method_missing', detail: '' }), all)).toBe('method');
  expect(missing(review(), all)).toBe(null);
});

test('a form of the buyer\'s own choice opens in review only', () => {
  expect(viewOf(review(), { ...all, editing: 'method' })).toBe('method');
  expect(viewOf({ at: 'paying', basket, since: 0 }, { ...all, editing: 'method' })).toBe('review');
});

test('a product that is not known shows nothing, its outcome all the same', () => {
  expect(viewOf(review(), { ...all, known: false })).toBe('nothing');
  expect(viewOf({ at: 'paid', basket, order }, { ...all, known: false })).toBe('paid');
});
