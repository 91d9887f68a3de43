import { get, put } from '../lib/api';
import type { Product } from '../lib/types';

const longest = 200; // how many the server keeps

/** The run of show: in which order a channel's products come on air. What it does not name follows as the shelf has it. */
export class Lineup {
  private ids = $state.raw<string[]>([]);
  private saving: Promise<unknown> = Promise.resolve();

  constructor(private readonly channel: string) {}

  /** What cannot be asked stays as it is: the shelf has an order of its own. */
  async load(): Promise<void> {
    try {
      const { products } = await get<{ products: string[] | null }>(`/channels/${this.channel}/lineup`);
      this.ids = products ?? [];
    } catch {
      /* see above */
    }
  }

  order(products: Product[]): Product[] {
    const place = new Map(this.ids.map((id, i) => [id, i]));
    const at = (p: Product) => place.get(p.id) ?? this.ids.length;
    return [...products].sort((a, b) => at(a) - at(b)); // stable: the rest keeps its order
  }

  /**
   * Moves one product by so many places and tells the server, one after the other. Returns its new place from 0, or
   * null at an end. Rejects with ApiError or NetworkError, the order then being what the server has.
   */
  async move(products: Product[], id: string, by: number): Promise<number | null> {
    const ids = this.order(products).map((p) => p.id);
    const from = ids.indexOf(id);
    const to = from + by;
    if (from < 0 || to < 0 || to >= Math.min(ids.length, longest)) return null;
    ids.splice(to, 0, ...ids.splice(from, 1));
    this.ids = ids.slice(0, longest);
    const sent = this.ids;
    const turn = this.saving.then(() => put(`/channels/${this.channel}/lineup`, { products: sent }));
    this.saving = turn.catch(() => this.load());
    await turn;
    return to;
  }
}
