import { ApiError, NetworkError } from './api';
import { sameMoney, times } from './money';
import type { Money, Order, Quote } from './types';

/** What a buyer is about to agree to; `price` is the unit price they were shown, `quote` the sum. */
export type Basket = { channel: string; product: string; pin?: string; quantity: number; price: Money; quote?: Quote };

/** What the buyer is shown as the sum. */
export function totalOf(basket: Basket): Money {
  return basket.quote?.total ?? times(basket.price, basket.quantity);
}

/** Why nothing was bought. Every one of these is certain: nothing was charged. */
export type Problem =
  | { kind: 'declined'; detail: string }
  | { kind: 'sold_out' }
  | { kind: 'price_changed'; was: Money }
  | { kind: 'limit_reached'; detail: string }
  | { kind: 'too_fast'; retryMs: number }
  | { kind: 'region_blocked'; detail: string; handoff?: string }
  | { kind: 'not_shipped' }
  | { kind: 'unpriced' }
  | { kind: 'check_failed' }
  | { kind: 'expired' }
  | { kind: 'canceled' }
  | { kind: 'offline' }
  | { kind: 'refused'; code: string; detail: string };

/**
 * `confirming`: the tap can still be undone, nothing was sent. `paying`: sent, no answer yet. `checking`: the network
 * died after sending, so the same request is sent again until an answer comes. `action`: the bank wants to see the buyer.
 * `pending`: the payment goes on without the buyer.
 */
export type State =
  | { at: 'closed' }
  | { at: 'review'; basket: Basket; problem: Problem | null }
  | { at: 'confirming'; basket: Basket; since: number }
  | { at: 'paying'; basket: Basket; since: number }
  | { at: 'checking'; basket: Basket; stuck: boolean }
  | { at: 'action'; basket: Basket; order: Order; url: string }
  | { at: 'pending'; basket: Basket; order: Order }
  | { at: 'paid'; basket: Basket; order: Order };

export type Answer = { order: Order; action?: { redirect_url?: string } };

export type CheckoutOptions = {
  /** POST /api/v1/orders. The same key with the same basket must give the same answer. */
  send(basket: Basket, key: string): Promise<Answer>;
  /** POST /api/v1/quotes: what it comes to; null while it cannot be known. Absent: the price times the quantity is all. */
  quote?(basket: Basket): Promise<Quote | null>;
  /** GET /api/v1/orders/{id}. */
  look(id: string): Promise<Order>;
  mint(): string;
  online(): boolean;
  changed(state: State): void;
};

/** How long a one-tap purchase can be undone before it is sent. */
export const undoWindow = 2_500;

const lookEvery = 2_000;
const retryWaits = [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]; // then the buyer is told, and may ask for more

/**
 * One purchase. The Idempotency-Key belongs to the intent: it is minted when the sheet opens, kept as long as the
 * outcome of a request is unknown, and renewed only after a final refusal or for another basket. Taps count in `review` only,
 * so a double tap sends once. "Paid" is always the server's word.
 */
export class Checkout {
  state: State = { at: 'closed' };
  private key = '';
  private turn = 0; // answers and timers of an earlier turn are void
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: CheckoutOptions) {}

  open(basket: Basket): void {
    if (this.busy) return;
    this.renew();
    this.review(basket, null);
  }

  /** Leaves the sheet. A purchase whose outcome is open goes on in the background and still tells its end. */
  close(): void {
    if (this.state.at === 'confirming') this.undo();
    if (this.busy) return;
    this.enter({ at: 'closed' });
  }

  /** True while closing or opening must not disturb a request or an unfinished payment. */
  get busy(): boolean {
    return this.state.at === 'paying' || this.state.at === 'checking' || this.state.at === 'action';
  }

  setQuantity(quantity: number): void {
    const s = this.state;
    if (s.at !== 'review' || quantity === s.basket.quantity || quantity < 1) return;
    this.renew();
    this.review({ ...s.basket, quantity, quote: undefined }, null);
  }

  /**
   * The terms on sale changed: another price, or the offer's pin is gone. In review the buyer sees old and new side by
   * side and must tap again; a one-tap purchase that is still undoable goes back to review.
   */
  setTerms(price: Money, pin: string | undefined): void {
    const s = this.state;
    if (s.at !== 'review' && s.at !== 'confirming') return;
    if (sameMoney(price, s.basket.price) && pin === s.basket.pin) return;
    const changed = !sameMoney(price, s.basket.price);
    if (s.at === 'confirming' && !changed) return; // the pin alone moved; the price the buyer tapped still holds
    this.renew();
    const was = s.at === 'review' && s.problem?.kind === 'price_changed' ? s.problem.was : totalOf(s.basket);
    const problem: Problem | null = changed ? { kind: 'price_changed', was } : s.at === 'review' ? s.problem : null;
    this.review({ ...s.basket, price, pin, quote: undefined }, problem);
  }

  /** Another method or address was chosen: the former problem is dealt with. */
  clearProblem(): void {
    if (this.state.at === 'review') this.review({ ...this.state.basket, quote: undefined }, null);
  }

  /** The tap on "Pay". */
  pay(): void {
    if (this.state.at !== 'review' || this.unquoted(this.state.basket)) return;
    this.submit(this.state.basket);
  }

  /** The tap on a card that pays directly: nothing is sent before the undo window has passed. */
  payInOneTap(basket: Basket): void {
    if (this.state.at !== 'closed' && this.state.at !== 'paid' && this.state.at !== 'pending') return;
    this.renew();
    this.enter({ at: 'confirming', basket, since: Date.now() });
    if (!this.unquoted(basket)) return this.after(undoWindow, () => this.submit(basket));
    // The card showed the price alone. Where that is all, the tap has agreed to it; where it is not, the sheet shows the rest.
    const asked = this.price(basket);
    this.after(undoWindow, () => {
      const turn = this.turn;
      void asked.then((answer) => {
        if (turn !== this.turn) return;
        if ('problem' in answer) this.fail(basket, answer.problem);
        else if (answer.basket.quote && sameMoney(totalOf(answer.basket), totalOf(basket))) this.submit(answer.basket);
        else this.review(answer.basket, null);
      });
    });
  }

  /** Another address, or a quote that ran out of time: asks for the sum anew. */
  requote(): void {
    if (this.state.at === 'review') this.review({ ...this.state.basket, quote: undefined }, this.state.problem?.kind === 'unpriced' ? null : this.state.problem);
  }

  /** True while the sum of a basket is still to be asked for: until then nothing can be agreed to. */
  unquoted(basket: Basket): boolean {
    return this.options.quote !== undefined && basket.quote === undefined;
  }

  private review(basket: Basket, problem: Problem | null): void {
    this.enter({ at: 'review', basket, problem });
    if (!this.unquoted(basket)) return;
    const turn = this.turn;
    void this.price(basket).then((answer) => {
      if (turn !== this.turn) return;
      if ('problem' in answer) this.enter({ at: 'review', basket, problem: answer.problem });
      else if (answer.basket.quote) this.enter({ at: 'review', basket: answer.basket, problem });
    });
  }

  private async price(basket: Basket): Promise<{ basket: Basket } | { problem: Problem }> {
    try {
      const quote = await this.options.quote!(basket);
      return { basket: quote ? { ...basket, price: quote.price, quote } : basket };
    } catch (err) {
      if (err instanceof ApiError && err.status < 500 && err.code !== 'too_fast') return { problem: problemOf(err) };
      if (err instanceof ApiError || err instanceof NetworkError) return { problem: this.options.online() ? { kind: 'unpriced' } : { kind: 'offline' } };
      throw err;
    }
  }

  undo(): void {
    if (this.state.at === 'confirming') this.enter({ at: 'closed' });
  }

  /** Asks again for an outcome that stayed unknown. Sends the same key, so it can never charge twice. */
  checkAgain(): void {
    if (this.state.at === 'checking') this.resend(this.state.basket, 0);
  }

  /** The order as the server sees it now: from the websocket or from looking. */
  told(order: Order): void {
    const s = this.state;
    if ((s.at === 'action' || s.at === 'pending') && s.order.id === order.id) this.settle(s.basket, { order });
  }

  private submit(basket: Basket): void {
    if (!this.options.online()) {
      this.enter({ at: 'review', basket, problem: { kind: 'offline' } });
      return;
    }
    this.enter({ at: 'paying', basket, since: Date.now() });
    void this.request(basket, 0);
  }

  private async request(basket: Basket, attempt: number): Promise<void> {
    const turn = this.turn;
    try {
      const answer = await this.options.send(basket, this.key);
      if (turn === this.turn) this.settle(basket, answer);
    } catch (err) {
      if (turn !== this.turn) return;
      if (err instanceof ApiError && err.status < 500) this.refused(basket, err);
      else if (err instanceof ApiError || err instanceof NetworkError) this.unknown(basket, attempt);
      else throw err;
    }
  }

  private unknown(basket: Basket, attempt: number): void {
    const wait = retryWaits[attempt];
    this.enter({ at: 'checking', basket, stuck: wait === undefined });
    if (wait !== undefined) this.after(wait, () => this.resend(basket, attempt + 1));
  }

  private resend(basket: Basket, attempt: number): void {
    this.enter({ at: 'checking', basket, stuck: false });
    void this.request(basket, attempt);
  }

  private settle(basket: Basket, { order, action }: Answer): void {
    switch (order.state) {
      case 'paid':
      case 'refunded':
        return this.enter({ at: 'paid', basket, order });
      case 'payment_failed':
        return this.fail(basket, this.whyFailed(order));
      case 'expired':
        return this.fail(basket, { kind: 'expired' });
      case 'canceled':
        return this.fail(basket, { kind: 'canceled' });
    }
    const url = action?.redirect_url ?? (this.state.at === 'action' ? this.state.url : '');
    if (order.state === 'action_required' && url) this.enter({ at: 'action', basket, order, url });
    else this.enter({ at: 'pending', basket, order });
    this.after(lookEvery, () => void this.lookUp(basket, order));
  }

  /** A check that was not passed is not a decline: the same card may well pay on the next try. */
  private whyFailed(order: Order): Problem {
    if (order.decline) return order.decline.code.includes('authentication') ? { kind: 'check_failed' } : { kind: 'declined', detail: order.decline.detail };
    return this.state.at === 'action' ? { kind: 'check_failed' } : { kind: 'declined', detail: '' };
  }

  private async lookUp(basket: Basket, order: Order): Promise<void> {
    const turn = this.turn;
    let now = order;
    try {
      now = await this.options.look(order.id);
    } catch {
      // Looking is a question only: the next look will answer it.
    }
    if (turn !== this.turn) return;
    if (now.state === order.state) this.after(lookEvery, () => void this.lookUp(basket, order));
    else this.settle(basket, { order: now });
  }

  private refused(basket: Basket, err: ApiError): void {
    if (err.code === 'price_changed') {
      const quote = err.extra.quote as Quote | undefined;
      const price = quote?.price ?? (err.extra.price as Money | undefined) ?? basket.price;
      const now: Basket = { ...basket, price, quote };
      // What the buyer saw is still the sum, and only the quote is a new one: that is no news.
      if (quote && basket.quote && sameMoney(totalOf(now), totalOf(basket)) && sameMoney(price, basket.price)) {
        this.renew();
        return this.submit(now);
      }
      return this.fail(now, { kind: 'price_changed', was: totalOf(basket) });
    }
    // Turned away before the key was looked at: the intent lives on under the same key.
    if (err.code === 'too_fast') return this.enter({ at: 'review', basket, problem: problemOf(err) });
    this.fail(basket, problemOf(err));
  }

  private fail(basket: Basket, problem: Problem): void {
    this.renew();
    if (problem.kind === 'unpriced' || problem.kind === 'offline') return this.enter({ at: 'review', basket, problem });
    this.review(basket, problem);
  }

  private renew(): void {
    this.key = this.options.mint();
  }

  private enter(state: State): void {
    this.turn++;
    clearTimeout(this.timer);
    this.state = state;
    this.options.changed(state);
  }

  private after(ms: number, act: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(act, ms);
  }
}

/** A refusal of a tap or of a quote in the page's words. */
function problemOf(err: ApiError): Problem {
  switch (err.code) {
    case 'payment_declined':
      return { kind: 'declined', detail: err.detail };
    case 'sold_out':
      return { kind: 'sold_out' };
    case 'limit_reached':
      return { kind: 'limit_reached', detail: err.detail };
    case 'region_blocked':
      return { kind: 'region_blocked', detail: err.detail, handoff: err.extra.handoff_url };
    case 'not_shipped_there':
      return { kind: 'not_shipped' };
    case 'too_fast':
      return { kind: 'too_fast', retryMs: err.retryMs };
  }
  return { kind: 'refused', code: err.code, detail: err.detail };
}
