import type { Money, Order } from '../lib/types';
import { shortId } from '../text/t';

/** What the list of orders shows: what is to be sent, what was, or everything. */
export type Filter = 'to_pack' | 'shipped' | 'all';

const unsent = ['unfulfilled', 'packed'];

export function passes(order: Order, filter: Filter): boolean {
  if (filter === 'all') return true;
  return unsent.includes(order.parcel) === (filter === 'to_pack') && (order.state === 'paid' || (filter === 'shipped' && order.state === 'refunded'));
}

/** Whether what was typed is part of what people know an order by. An empty text matches all. */
export function matches(order: Order, typed: string): boolean {
  const text = plain(typed);
  if (!text) return true;
  const { buyer, shipment } = order;
  const known = [shortId(order.id), order.id, buyer?.name, buyer?.email, buyer?.address?.name, shipment?.tracking];
  if (known.some((word) => word && plain(word).includes(text))) return true;
  const digits = text.replace(/\D/g, '');
  return digits.length >= 4 && (buyer?.address?.phone ?? '').replace(/\D/g, '').includes(digits);
}

/** Lower case and without accents, so that "jose" finds José. */
function plain(text: string): string {
  return text.trim().toLowerCase().normalize('NFD').replace(/\p{M}/gu, '');
}

export function mayShip(order: Order): boolean {
  return order.state === 'paid' && (unsent.includes(order.parcel) || order.parcel === 'shipped');
}

/** The rest of the payment, which may still go back. */
export function refundable(order: Order): Money {
  const amount = order.state === 'paid' ? order.total.amount - (order.refunded?.amount ?? 0) : 0;
  return { amount, currency: order.total.currency };
}

/** Before the money came, an order can be called off, except in the moment it is being charged. */
export function mayCancel(order: Order): boolean {
  return order.state === 'action_required' || order.state === 'processing';
}

export type Totals = { currency: string; gross: number; fees: number; refunds: number };

/** What was paid in these orders, by currency: the sums of the columns of their CSV over the rows that were paid. */
export function totals(orders: Order[]): Totals[] {
  const sums = new Map<string, Totals>();
  for (const { state, total, fee, refunded } of orders) {
    if (state !== 'paid' && state !== 'refunded') continue;
    const sum = sums.get(total.currency) ?? { currency: total.currency, gross: 0, fees: 0, refunds: 0 };
    sum.gross += total.amount;
    sum.fees += fee?.amount ?? 0;
    sum.refunds += refunded?.amount ?? 0;
    sums.set(total.currency, sum);
  }
  return [...sums.values()];
}
