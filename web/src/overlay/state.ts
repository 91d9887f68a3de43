import type { Event, Money, Pin } from '../lib/types';

/** Shown at this many units or fewer: a number that means something. */
const fewUnits = 5;

export type Sale = { title: string; quantity: number };

/**
 * What is on the overlay. It lies inside the picture, so pins count at once here; viewers' cards wait until the
 * picture with it gets to them.
 */
export class Overlay {
  pin: Pin | null = null;
  available = 0;
  readonly sales: Sale[] = [];

  take(event: Event): void {
    const { data } = event;
    switch (event.type) {
      case 'welcome':
        this.show(data.pin);
        break;
      case 'pinned':
        this.show(data);
        break;
      case 'unpinned':
        if (this.pin?.pin === data.pin) this.show(null);
        break;
      case 'ended':
        this.show(null);
        break;
      case 'stock':
        if (this.pin?.product.id === data.product) this.available = data.available;
        break;
      case 'price':
        if (this.pin?.product.id === data.product)
          this.pin = { ...this.pin!, offer: data.offer, product: { ...this.pin!.product, price: data.offer ? this.pin!.product.price : data.price } };
        break;
      case 'sold':
        this.sales.push({ title: data.title, quantity: data.quantity });
        if (this.sales.length > mostSales) this.sales.shift();
        if (this.pin?.product.id === data.product) this.available = data.available;
        break;
    }
  }

  /** The price now and, while an offer runs, the one it replaces and when that ends, in ms. */
  terms(now: number): { price: Money; former: Money | null; endsAt: number } | null {
    if (!this.pin) return null;
    const { product, offer } = this.pin;
    const endsAt = offer ? Date.parse(offer.ends_at) : 0;
    return offer && endsAt > now ? { price: offer.price, former: product.price, endsAt } : { price: product.price, former: null, endsAt: 0 };
  }

  /** Units left when that is worth saying, null otherwise. */
  get few(): number | null {
    return this.pin && this.available <= fewUnits ? this.available : null;
  }

  private show(pin: Pin | null): void {
    this.pin = pin;
    this.available = pin?.product.stock.available ?? 0;
  }
}

/** Sales that wait for their turn; in a rush the oldest are never shown. */
const mostSales = 12;
