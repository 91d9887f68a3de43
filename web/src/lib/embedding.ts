import type { Channel, Money, Order, Pin } from './types';

/** What an embedded page tells the page around it. embed.js makes DOM events of these. */
export type Told =
  | { type: 'souk-ready'; detail: { channel: string } }
  | { type: 'souk-live'; detail: { live: boolean } }
  | { type: 'souk-ended'; detail: Record<string, never> }
  | { type: 'souk-pin'; detail: { product: string; title: string; price: Money } | null }
  | { type: 'souk-order'; detail: { order: string; total: Money } };

export const ready = (channel: Channel): Told => ({ type: 'souk-ready', detail: { channel: channel.slug } });
export const pinned = (pin: Pin | null): Told => ({
  type: 'souk-pin',
  detail: pin && { product: pin.product.id, title: pin.product.title, price: (pin.offer ?? pin.product).price },
});
export const ordered = (order: Order): Told => ({ type: 'souk-order', detail: { order: order.id, total: order.total } });

/** Tells whoever embeds us. Nothing in it is a secret, and we cannot know by which name we were embedded. */
export function tell(message: Told): void {
  if (parent !== window) parent.postMessage(message, '*');
}
