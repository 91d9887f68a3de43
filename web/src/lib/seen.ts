import { post } from './api';

const maxReported = 20; // cards in one report

/**
 * What the numbers of a show are made of, as far as only the page knows it: which cards were on this screen and which
 * sheets were opened. Each is told once. The first report makes this browser known; what it had is sent again.
 */
export class Seen {
  private told = new Set<string>();
  private waiting = new Set<string>();
  private busy = false;
  private greeted = false;

  constructor(
    private readonly channel: string,
    private readonly send: (path: string, body: unknown) => Promise<{ counted: boolean }> = post,
  ) {}

  card(pin: string): void {
    this.note(`s${pin}`);
  }

  /** The sheet of a purchase; `pin` is empty for one from the shelf. */
  opened(pin: string): void {
    this.note(`o${pin}`);
  }

  private note(what: string): void {
    if (!this.told.has(what)) this.waiting.add(what);
  }

  /** Reports what there is, and at first that somebody watches. Never rejects: numbers are not worth a problem. */
  async flush(): Promise<void> {
    if (this.busy || (this.greeted && this.waiting.size === 0)) return;
    this.busy = true;
    try {
      for (let tries = 0; tries < 2; tries++) {
        const batch = [...this.waiting].slice(0, maxReported);
        const of = (kind: string) => batch.filter((w) => w[0] === kind).map((w) => w.slice(1));
        const { counted } = await this.send(`/channels/${this.channel}/seen`, { seen: of('s'), opened: of('o') });
        if (!counted) continue; // this browser is known from now on
        this.greeted = true;
        for (const what of batch) {
          this.waiting.delete(what);
          this.told.add(what);
        }
        return;
      }
      this.greeted = true; // a browser that keeps no cookies is not counted
      this.waiting.clear();
    } catch {
      // with the next report
    } finally {
      this.busy = false;
    }
  }
}
