import { get, post } from '../lib/api';
import type { Me } from '../lib/types';

/** Who looks at this page: what the forms of the checkout need to know of a person, without a room. */
export class Buyer {
  me = $state.raw<Me | null>(null);

  constructor(me: Me | null) {
    this.me = me;
  }

  /** Makes this browser somebody: a guest, unless it already is. Rejects with ApiError or NetworkError. */
  async becomeSomebody(): Promise<Me> {
    if (!this.me) {
      await post('/guests', {});
      await this.loadMe();
    }
    return this.me!;
  }

  async loadMe(): Promise<void> {
    this.me = await get<Me>('/me');
  }
}
