/** The answer of /shows/{show}/numbers; see the description of the API. */
export type Takings = { currency: string; orders: number; units: number; gross: number; refunded: number; net: number; fee: number };
export type PinNumbers = { pin: string; product: string; title: string; from?: string; to?: string; seen: number; opened: number; earned: Takings[] };
export type Numbers = {
  show: { id: string; channel: string; state: string; started_at: string; ended_at?: string };
  replay: boolean;
  exact: boolean;
  peak: number;
  viewers: { at: string; viewers: number }[];
  funnel: Record<'watched' | 'seen' | 'opened' | 'tapped' | 'paid' | 'declined' | 'refunded', number>;
  totals: Takings[];
  minutes: (Takings & { at: string })[];
  pins: PinNumbers[];
};

const minute = 60_000;

/** One minute of the show: the most viewers at once, and what was paid in it, in the show's main currency. */
export type Minute = { at: number; viewers: number; gross: number; orders: number };

/** Every minute from the first to the last of which anything is known, none left out. */
export function minutesOf(n: Numbers, currency: string): Minute[] {
  const by = new Map<number, Minute>();
  const get = (iso: string) => {
    const at = Math.floor(Date.parse(iso) / minute) * minute;
    if (!by.has(at)) by.set(at, { at, viewers: 0, gross: 0, orders: 0 });
    return by.get(at)!;
  };
  for (const v of n.viewers) get(v.at).viewers = v.viewers;
  for (const m of n.minutes) {
    if (m.currency !== currency) continue;
    const to = get(m.at);
    to.gross += m.gross;
    to.orders += m.orders;
  }
  const known = [...by.keys()];
  if (known.length === 0) return [];
  const all: Minute[] = [];
  for (let at = Math.min(...known); at <= Math.max(...known); at += minute) all.push(by.get(at) ?? { at, viewers: 0, gross: 0, orders: 0 });
  return all;
}

/** The currency most was paid in; empty when nothing was sold. */
export function mainCurrency(n: Numbers): string {
  return [...n.totals].sort((a, b) => b.orders - a.orders)[0]?.currency ?? '';
}

/** Where a card stands between the first minute and the end of the last, as two shares of the whole; null when it is nowhere in it. */
export function spanOf(pin: PinNumbers, minutes: Minute[]): [from: number, to: number] | null {
  if (!pin.from || minutes.length === 0) return null;
  const begin = minutes[0]!.at;
  const length = minutes.length * minute;
  const share = (at: number) => Math.min(1, Math.max(0, (at - begin) / length));
  const from = share(Date.parse(pin.from));
  const to = pin.to ? share(Date.parse(pin.to)) : 1;
  return to > from ? [from, to] : null;
}
