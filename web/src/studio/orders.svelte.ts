import { get } from '../lib/api';
import type { Order } from '../lib/types';

const page = 50; // how many the server sends at a time

/** The orders of a channel, newest first: a list that is loaded and then kept true by events. */
export class OrderBook {
  orders = $state.raw<Order[]>([]);
  state = $state<'loading' | 'ready' | 'failed'>('loading');
  hasMore = $state(false);

  constructor(private readonly channel: string) {}

  async load(): Promise<void> {
    try {
      const { orders } = await get<{ orders: Order[] }>(`/channels/${this.channel}/orders`);
      const oldest = orders.at(-1)?.id ?? '';
      // Pages loaded before stay; ids are ordered by time.
      this.orders = [...orders, ...this.orders.filter((o) => o.id < oldest)];
      this.hasMore ||= orders.length >= page;
      this.state = 'ready';
    } catch {
      if (this.orders.length === 0) this.state = 'failed';
    }
  }

  /** Adds the next older page. Rejects with ApiError or NetworkError. */
  async loadMore(): Promise<void> {
    const after = this.orders.at(-1)?.id ?? '';
    const { orders } = await get<{ orders: Order[] }>(`/channels/${this.channel}/orders?after=${encodeURIComponent(after)}`);
    this.orders = [...this.orders, ...orders.filter((o) => !this.orders.some((have) => have.id === o.id))];
    this.hasMore = orders.length >= page;
  }

  put(order: Order): void {
    const known = this.orders.some((o) => o.id === order.id);
    this.orders = known ? this.orders.map((o) => (o.id === order.id ? order : o)) : [order, ...this.orders];
  }
}
