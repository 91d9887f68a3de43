import { ApiError, get, post, put } from '../lib/api';
import { clock } from '../lib/clock';
import type { Currencies } from '../lib/money';
import { Shelf } from './shelf.svelte';
import { session } from '../lib/session';
import { RoomSocket, roomURL, type Reply } from '../lib/socket';
import { Timeline } from '../lib/timeline';
import type { Channel, ChannelState, ChatSettings, Config, Event, Me, Order, Person, Pin, PinnedNotice, Rules } from '../lib/types';
import { ChatLog } from './chatlog.svelte';

const reader: Person = { id: '', name: '', roles: [] };

/** How a room reports what does not belong to its state. */
export type RoomHooks = {
  onOrder?(order: Order): void;
  onHearts?(count: number): void;
  /** The encoder came back, or a show began: the picture must be built anew at once. */
  onLive?(): void;
};

/**
 * One channel as this browser knows it: fed by the websocket, asked by every component of the page.
 * The card is kept in `pins` by media time; `pin` is the one for the frame on screen.
 */
export class Room {
  channel: Channel;
  state = $state<ChannelState>('offline');
  viewers = $state(0);
  pin = $state.raw<Pin | null>(null);
  you = $state.raw<Person>(reader);
  me = $state.raw<Me | null>(null);
  connection = $state<'connecting' | 'open' | 'waiting' | 'closed'>('connecting');
  closeCode = $state(0);
  currencies = $state.raw<Currencies>({});
  sandbox = $state(false);
  notice = $state.raw<PinnedNotice | null>(null);
  rules = $state.raw<Rules>({ known_only: false, links: 'known', raid_until: null });
  /** Of a host: what holds in the room, once it changed; null until then. */
  settings = $state.raw<ChatSettings | null>(null);
  /** Counts what may have changed the queue of questions. */
  asked = $state(0);
  now = $state(clock.now());

  readonly shelf: Shelf;
  readonly chat = new ChatLog();

  /** The newest pin the server told, ahead of the picture: terms on sale follow it. */
  newestPin = $state.raw<Pin | null>(null);

  private readonly pins = new Timeline<Pin | null>();
  private readonly socket: RoomSocket;
  private readonly letters = new Set<string>();
  private triedWithoutSession = false;

  constructor(
    channel: Channel,
    sandbox: boolean,
    private readonly hooks: RoomHooks = {},
  ) {
    this.channel = channel;
    this.sandbox = sandbox;
    this.state = channel.state ?? (channel.live ? 'live' : 'offline');
    this.viewers = channel.viewers;
    this.shelf = new Shelf(channel.slug);
    if (channel.pin) this.pinned(channel.pin);
    this.socket = new RoomSocket({
      url: () => session.address(roomURL(channel.slug)),
      onEvents: (events) => events.forEach((event) => this.take(event)),
      onState: (state, code) => this.connected(state, code),
    });
  }

  /** Opens the connection; the returned function ends it and everything else that runs. */
  open(): () => void {
    this.socket.start();
    void this.shelf.load();
    void this.loadConfig();
    const tick = setInterval(() => (this.now = clock.now()), 1000);
    const wake = () => document.visibilityState === 'visible' && this.socket.wake();
    const online = () => this.socket.restart();
    addEventListener('pageshow', wake);
    addEventListener('online', online);
    document.addEventListener('visibilitychange', wake);
    return () => {
      clearInterval(tick);
      removeEventListener('pageshow', wake);
      removeEventListener('online', online);
      document.removeEventListener('visibilitychange', wake);
      this.socket.stop();
    };
  }

  send(command: { do: string; [member: string]: unknown }): Promise<Reply> {
    return this.socket.send(command);
  }

  /** Shows the card for the frame on screen; null means no picture is moving. */
  follow(playhead: number | null): void {
    const pin = this.pins.at(playhead, Date.now()) ?? null;
    if (pin !== this.pin) this.pin = pin;
  }

  /** Makes this browser somebody: a guest, unless it already is. Rejects with ApiError or NetworkError. */
  async becomeSomebody(name?: string): Promise<Me> {
    if (!this.me) {
      session.keep((await post<{ token: string }>('/guests', name ? { name } : {})).token);
      await this.loadMe();
      this.socket.restart();
    }
    return this.me!;
  }

  /** Nobody yet, or a guest who has not chosen a name: somebody who bought without talking. */
  get unnamed(): boolean {
    return !this.you.id || ((this.me?.guest ?? false) && /^Guest \d{4}$/.test(this.you.name));
  }

  /** Gives this browser's guest a name in chat; without one the server finds one. Rejects like becomeSomebody. */
  async introduce(name: string): Promise<void> {
    if (!this.me) {
      await this.becomeSomebody(name || undefined);
    } else if (name) {
      await put('/me', { name });
      await this.loadMe();
      this.you = { ...this.you, id: '' }; // until the room knows the new name
      this.socket.restart();
    }
  }

  async loadMe(): Promise<void> {
    this.me = await get<Me>('/me');
  }

  can(...roles: string[]): boolean {
    return (this.you.roles ?? []).some((role) => roles.includes(role));
  }

  private async loadConfig(): Promise<void> {
    try {
      const config = await get<Config>('/config');
      this.currencies = config.currencies;
      this.sandbox = config.sandbox;
    } catch {
      // Prices then show their currency code and two decimals, which is legible; the next page load has it.
    }
  }

  private connected(state: Room['connection'], code: number): void {
    this.connection = state;
    this.closeCode = code;
    // A session that has ended must not lock its former owner out of watching: come back once as a reader.
    if (state === 'closed' && code === 4101 && !this.triedWithoutSession) {
      this.triedWithoutSession = true;
      void post('/logout').catch(() => undefined).then(() => this.socket.restart());
    }
  }

  private take(event: Event): void {
    if (event.at) clock.exact(Date.parse(event.at));
    const { data } = event;
    switch (event.type) {
      case 'welcome':
        return this.welcome(data);
      case 'deleted':
        return this.chat.remove(data.message);
      case 'pinned':
        return this.pinned({ ...data, media_at: event.media_at ?? data.media_at });
      case 'unpinned':
        return this.unpinned(data.pin, event.media_at);
      case 'stock':
        return this.shelf.stock(data.product, data.available);
      case 'price':
        return this.priced(data);
      case 'sold':
        if (typeof data.available === 'number') this.shelf.stock(data.product, data.available);
        return this.chat.add(event);
      case 'live':
        this.state = 'live';
        return this.hooks.onLive?.();
      case 'paused':
        this.state = 'paused';
        return;
      case 'ended':
        this.state = 'ended';
        return;
      case 'viewers':
        this.viewers = data.count;
        return;
      case 'reactions':
        return this.hooks.onHearts?.(Object.values((data.counts ?? {}) as Record<string, number>).reduce((a, b) => a + b, 0));
      case 'rules':
        this.rules = data;
        return;
      case 'pinned_notice':
        this.notice = data.text ? data : null;
        return;
      case 'settings':
        this.settings = data;
        return;
      case 'you':
        this.you = data;
        return;
      case 'dismissed':
        this.asked++;
        return;
      case 'question':
      case 'answered':
        this.asked++;
        return this.chat.add(event);
      case 'private':
        return this.letter(event);
      case 'order':
        return this.hooks.onOrder?.(data as Order);
      default:
        return this.chat.add(event);
    }
  }

  private welcome(data: { you: Person; live: boolean; pin: Pin | null; rules?: Rules; notice?: PinnedNotice | null; resumed?: boolean; history?: Event[] }): void {
    this.notice = data.notice ?? null;
    if (data.rules) this.rules = data.rules;
    this.asked++;
    const was = this.you.id;
    this.you = data.you?.id ? data.you : reader;
    if (this.you.id && (this.you.id !== was || !this.me)) void this.loadMe().catch(() => undefined);
    if (!this.you.id) this.me = null;
    if (!data.resumed) {
      this.chat.reset(data.history ?? []);
      void this.shelf.load();
    }
    if (data.live && this.state !== 'live') {
      this.state = 'live';
      this.hooks.onLive?.();
    } else if (!data.live && this.state === 'live') {
      void this.askState();
    }
    if (data.pin?.pin !== this.newestPin?.pin) {
      if (data.pin) this.pinned(data.pin);
      else this.unpinned(this.newestPin!.pin);
    }
  }

  /** A letter comes again after each welcome until it is taken: shown once, and taken once shown. */
  private letter(event: Event): void {
    if (!this.letters.has(event.data.letter)) this.chat.add(event);
    this.letters.add(event.data.letter);
    void this.send({ do: 'take', message: event.data.letter });
  }

  /** A welcome only says "not live"; whether that is a pause or the end is the channel's answer. */
  private async askState(): Promise<void> {
    try {
      const channel = await get<Channel>(`/channels/${this.channel.slug}`);
      if (this.state === 'live') this.state = channel.state ?? (channel.live ? 'live' : 'offline');
    } catch (err) {
      if (!(err instanceof ApiError)) return; // the next welcome asks again
      this.state = 'offline';
    }
  }

  private pinned(pin: Pin): void {
    this.newestPin = pin;
    if (this.shelf.state === 'ready') this.shelf.put(pin.product);
    this.pins.add(Date.parse(pin.media_at) || 0, pin, Date.now());
  }

  private unpinned(pin: string, at?: string): void {
    if (this.newestPin?.pin === pin) this.newestPin = null;
    this.pins.add(at ? Date.parse(at) : clock.now(), null, Date.now());
  }

  /** A price is a fact: it changes the card on screen at once, whatever the picture shows. */
  private priced(data: { product: string; price: Pin['product']['price']; offer: Pin['offer'] }): void {
    this.shelf.price(data.product, data.price);
    this.pins.change((pin) => (pin?.product.id === data.product ? { ...pin, offer: data.offer ?? null } : pin));
    if (this.newestPin?.product.id === data.product) this.newestPin = { ...this.newestPin, offer: data.offer ?? null };
  }
}
