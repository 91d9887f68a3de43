import { get, post } from '../lib/api';
import { Checkout, type Answer, type Basket, type State } from '../lib/checkout';
import type { Terms } from '../room/shelf.svelte';
import { sameMoney } from '../lib/money';
import type { Money, Order, PaymentMethod, Quote } from '../lib/types';
import { uuidv7 } from '../lib/uuid';
import type { Room } from '../room/room.svelte';

const orderTimeout = 30_000;
const crowdSpread = 1_500; // ms over which one-tap buyers ask for their sum after a pin
const quoteMargin = 15_000; // ms a quote must still be good for when it is used

/** The page's one checkout, made visible to components, and the decision between sheet and one tap. */
export class Till {
  state = $state.raw<State>({ at: 'closed' });
  sheet = $state(false);
  /** The last purchase the server confirmed, for the card and the page to show. */
  lastPaid = $state.raw<Order | null>(null);

  private seen = $state.raw<Quote | null>(null);

  private readonly checkout = new Checkout({
    send: (basket, key) => post<Answer>('/orders', orderOf(basket), { headers: { 'Idempotency-Key': key }, timeout: orderTimeout }),
    quote: async (basket) => (this.hasDetails ? await post<Quote>('/quotes', goodsOf(basket)) : null),
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
  requote = () => this.checkout.requote();
  unquoted = (basket: Basket) => this.checkout.unquoted(basket);
  clearProblem = () => this.checkout.clearProblem();
  setQuantity = (n: number) => this.checkout.setQuantity(n);
  setTerms = (terms: Terms) => this.checkout.setTerms(terms.price, terms.pin);
  told = (order: Order) => this.checkout.told(order);

  /** What one tap on these terms comes to, once it is known: the card's button says it. */
  comesTo(terms: Terms): Money {
    return this.quoteFor(terms)?.total ?? terms.price;
  }

  /** Asks for that, for somebody who buys with one tap. Not all of a crowd at the same moment. Returns how to give up. */
  foresee(terms: Terms): () => void {
    if (this.quoteFor(terms)) return () => undefined;
    const timer = setTimeout(async () => {
      try {
        this.seen = await post<Quote>('/quotes', goodsOf(this.basket(terms)));
      } catch {
        // The tap will ask again, and say what is wrong.
      }
    }, Math.random() * crowdSpread);
    return () => clearTimeout(timer);
  }

  private quoteFor(terms: Terms): Quote | undefined {
    const q = this.seen;
    const same = q && q.product === terms.product.id && q.pin === (terms.pin ?? '') && q.country === this.room.me?.address?.country && sameMoney(q.price, terms.price);
    return same && Date.parse(q.expires_at) > this.room.now + quoteMargin ? q : undefined;
  }

  private basket(terms: Terms): Basket {
    return { channel: this.room.channel.slug, product: terms.product.id, pin: terms.pin, quantity: 1, price: terms.price, quote: this.quoteFor(terms) };
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

function goodsOf({ channel, product, pin, quantity }: Basket): object {
  return pin ? { channel, pin, quantity } : { channel, product, quantity };
}

function orderOf(basket: Basket): object {
  return { ...goodsOf(basket), price: basket.price, quote: basket.quote?.quote };
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
