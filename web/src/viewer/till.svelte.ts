import { get, post } from '../lib/api';
import { Checkout, type Answer, type Basket, type State } from '../lib/checkout';
import type { Terms } from '../room/shelf.svelte';
import type { Order, PaymentMethod } from '../lib/types';
import { uuidv7 } from '../lib/uuid';
import type { Room } from '../room/room.svelte';

const orderTimeout = 30_000;

/** The page's one checkout, made visible to components, and the decision between sheet and one tap. */
export class Till {
  state = $state.raw<State>({ at: 'closed' });
  sheet = $state(false);
  /** The last purchase the server confirmed, for the card and the page to show. */
  lastPaid = $state.raw<Order | null>(null);

  private readonly checkout = new Checkout({
    send: (basket, key) => post<Answer>('/orders', orderOf(basket), { headers: { 'Idempotency-Key': key }, timeout: orderTimeout }),
    look: async (id) => (await get<{ order: Order }>(`/orders/${id}`)).order,
    mint: uuidv7,
    online: () => navigator.onLine,
    changed: (state) => this.changed(state),
  });

  constructor(private readonly room: Room) {}

  get method(): PaymentMethod | null {
    const methods = this.room.me?.payment_methods ?? [];
    return methods.find((m) => m.default) ?? methods[0] ?? null;
  }

  get hasDetails(): boolean {
    return Boolean(this.room.me?.email && this.room.me.address);
  }

  /** From the second purchase on, with everything saved, the card's button pays without the sheet. */
  get oneTap(): boolean {
    return this.hasDetails && this.method !== null && boughtBefore(this.room.me!.id);
  }

  /** The card's button. Ignored while another purchase is on its way. */
  buy(terms: Terms): void {
    if (this.state.at === 'confirming' || this.checkout.busy) return;
    if (this.oneTap) this.checkout.payInOneTap(this.basket(terms));
    else this.openSheet(terms);
  }

  /** Always the sheet, to look at things first. While a purchase is on its way the sheet shows that one. */
  openSheet(terms: Terms): void {
    if (this.state.at === 'confirming') return;
    this.checkout.open(this.basket(terms));
    this.sheet = true;
  }

  closeSheet(): void {
    this.sheet = false;
    this.checkout.close();
  }

  pay = () => this.checkout.pay();
  undo = () => this.checkout.undo();
  checkAgain = () => this.checkout.checkAgain();
  clearProblem = () => this.checkout.clearProblem();
  setQuantity = (n: number) => this.checkout.setQuantity(n);
  setTerms = (terms: Terms) => this.checkout.setTerms(terms.price, terms.pin);
  told = (order: Order) => this.checkout.told(order);

  private basket(terms: Terms): Basket {
    return { channel: this.room.channel.slug, product: terms.product.id, pin: terms.pin, quantity: 1, price: terms.price };
  }

  private changed(state: State): void {
    this.state = state;
    if (state.at === 'paid') {
      this.lastPaid = state.order;
      if (this.room.me) rememberBuyer(this.room.me.id);
    }
    // What a card cannot show needs the sheet, also when one tap began it.
    if (state.at === 'action' || state.at === 'checking' || (state.at === 'review' && state.problem)) this.sheet = true;
  }
}

function orderOf(basket: Basket): object {
  const { channel, product, pin, quantity, price } = basket;
  return pin ? { channel, pin, quantity, price } : { channel, product, quantity, price };
}

const memory = 'souk.bought';

function boughtBefore(person: string): boolean {
  try {
    return localStorage.getItem(memory) === person;
  } catch {
    return false; // storage is denied: every purchase goes through the sheet
  }
}

function rememberBuyer(person: string): void {
  try {
    localStorage.setItem(memory, person);
  } catch {
    // As above.
  }
}
