import { get } from '../lib/api';
import type { Offer, Pin, Product } from '../lib/types';

/**
 * The products of a channel with what is true of them now. Stock and prices are facts: they apply the moment they
 * arrive, never in step with the picture.
 */
export class Shelf {
  products = $state.raw<Product[]>([]);
  state = $state<'loading' | 'ready' | 'failed'>('loading');

  constructor(private readonly channel: string) {}

  async load(): Promise<void> {
    if (this.state === 'failed') this.state = 'loading';
    try {
      const { products } = await get<{ products: Product[] }>(`/channels/${this.channel}/products`);
      this.products = products ?? [];
      this.state = 'ready';
    } catch {
      if (this.products.length === 0) this.state = 'failed';
    }
  }

  find(id: string): Product | undefined {
    return this.products.find((p) => p.id === id);
  }

  /** Takes in a product as somebody just saw it: from a pin, or after editing. */
  put(product: Product): void {
    this.products = this.find(product.id) ? this.products.map((p) => (p.id === product.id ? product : p)) : [...this.products, product];
  }

  drop(id: string): void {
    this.products = this.products.filter((p) => p.id !== id);
  }

  stock(id: string, available: number): void {
    this.change(id, (p) => ({ ...p, stock: { ...p.stock, available } }));
  }

  price(id: string, price: Product['price']): void {
    this.change(id, (p) => ({ ...p, price }));
  }

  private change(id: string, edit: (p: Product) => Product): void {
    this.products = this.products.map((p) => (p.id === id ? edit(p) : p));
  }
}

/** What a product costs at this moment, and under which pin it must be ordered to cost that. */
export type Terms = { product: Product; price: Product['price']; pin?: string; offer: Offer | null };

/** The terms for a pinned product; an offer counts until the server's time has passed its end. */
export function termsOf(pin: Pin, shelf: Shelf, now: number): Terms {
  const product = shelf.find(pin.product.id) ?? pin.product;
  const running = pin.offer && Date.parse(pin.offer.ends_at) > now ? pin.offer : null;
  return { product, price: running?.price ?? product.price, pin: pin.pin, offer: running };
}
