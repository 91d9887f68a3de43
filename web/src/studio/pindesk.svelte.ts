import { ApiError, put, remove } from '../lib/api';
import { parseAmount, percentOff } from '../lib/money';
import type { Money, Pin, Product } from '../lib/types';
import type { Room } from '../room/room.svelte';
import { t } from '../text/t';

const shortestOffer = 5; // seconds
const keysPlace = 'souk-pin-keys';

/** Puts products on air and off again, from the run of show or by a key, and takes the last change back. */
export class PinDesk {
  // The flash price of the next pin.
  flash = $state<'off' | 'percent' | 'price'>('off');
  percent = $state(20);
  price = $state('');
  seconds = $state(60);

  /** The product being pinned or unpinned; empty when nothing is under way. */
  busy = $state('');
  problem = $state('');
  /** Whether single digits pin. Whoever speaks to the computer, or leans on it, can switch that off. */
  keys = $state(readKeys());

  /** The last change made here: what is on air by it, and what was before. */
  private last = $state.raw<{ now: string; before: Pin | null; title: string } | null>(null);
  private readonly first: string;
  private made = $state('');

  constructor(private readonly room: Room) {
    this.first = room.newestPin?.pin ?? '';
  }

  /** What undo would take back; null once something else is on air. */
  get undoable(): { title: string; pinned: boolean } | null {
    if (this.busy || !this.last || (this.room.newestPin?.pin ?? '') !== this.last.now) return null;
    return { title: this.last.title, pinned: this.last.now !== '' };
  }

  /** A card that somebody else put on air while this page was open. */
  get elsewhere(): Pin | null {
    const pin = this.room.newestPin;
    return pin && !this.busy && pin.pin !== this.first && pin.pin !== this.made ? pin : null;
  }

  setKeys(on: boolean): void {
    this.keys = on;
    try {
      localStorage.setItem(keysPlace, on ? 'on' : 'off');
    } catch {
      /* no storage here: it holds until the page is closed */
    }
  }

  /** The flash price for a product, null when there is none; undefined when what was typed is no discount. */
  flashPrice(product: Product): Money | null | undefined {
    if (this.flash === 'off') return null;
    const { currency } = product.price;
    const amount = this.flash === 'percent' ? percentOff(product.price, this.percent).amount : parseAmount(this.price, currency, this.room.currencies);
    return amount !== null && amount > 0 && amount < product.price.amount ? { amount, currency } : undefined;
  }

  async pin(product: Product): Promise<void> {
    const price = this.flashPrice(product);
    if (price === undefined) {
      this.problem = t('studio.flash_bad');
      return;
    }
    const before = this.room.newestPin;
    await this.change(product.id, async () => {
      const now = await this.put(product.id, price && { price, seconds: this.seconds });
      this.last = { now, before, title: product.title };
      this.flash = 'off'; // an offer is meant for one pin
    });
  }

  async unpin(): Promise<void> {
    const before = this.room.newestPin;
    if (!before) return;
    await this.change(before.product.id, async () => {
      await remove(this.path);
      this.last = { now: '', before, title: before.product.title };
    });
  }

  /** Puts back what was on air before the last change; an offer for the time that it still had. */
  async undo(): Promise<void> {
    if (!this.undoable) return;
    const { before } = this.last!;
    await this.change(before?.product.id ?? 'undo', async () => {
      if (before) await this.put(before.product.id, remaining(before, this.room.now));
      else await remove(this.path);
      this.last = null;
    });
  }

  private get path(): string {
    return `/channels/${this.room.channel.slug}/pin`;
  }

  private async put(product: string, offer: object | null): Promise<string> {
    const { pin } = await put<Pin>(this.path, { product, ...(offer && { offer }) });
    this.made = pin;
    return pin;
  }

  private async change(id: string, act: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = id;
    this.problem = '';
    try {
      await act();
    } catch (err) {
      this.problem = err instanceof ApiError ? err.detail || t('studio.pin_failed') : t('app.no_answer');
    } finally {
      this.busy = '';
    }
  }
}

/** The offer of a card as it may be made again at `now`, or null when it is over. */
export function remaining(pin: Pin, now: number): object | null {
  if (!pin.offer) return null;
  const { price, ends_at, left, per_buyer } = pin.offer;
  const seconds = Math.floor((Date.parse(ends_at) - now) / 1000);
  if (seconds < shortestOffer || left === 0) return null;
  return { price, seconds, ...(left !== undefined && { stock: left }), ...(per_buyer !== undefined && { per_buyer }) };
}

function readKeys(): boolean {
  try {
    return localStorage.getItem(keysPlace) !== 'off';
  } catch {
    return true;
  }
}
