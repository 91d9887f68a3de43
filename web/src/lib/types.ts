// The shapes of the HTTP API and of the websocket, as the server sends them. See docs/protocol.md.

/** Integer minor units with an ISO 4217 code: 1250 USD is twelve dollars and fifty cents. */
export type Money = { amount: number; currency: string };

export type Stock = { available: number; held: number; sold: number };

export type Product = {
  id: string;
  channel: string;
  sku: string;
  title: string;
  description: string;
  price: Money;
  stock: Stock;
  image: string;
};

export type Offer = { price: Money; seconds: number; ends_at: string; stock?: number; left?: number; per_buyer?: number };

/** A product on air, and on what terms. */
export type Pin = { pin: string; product: Product; offer: Offer | null; media_at: string; pinned_at: string };

export type ChannelState = 'offline' | 'live' | 'paused' | 'ended';

export type Channel = {
  slug: string;
  title: string;
  live: boolean;
  state?: ChannelState;
  show?: { id: string; state?: string; started_at: string };
  viewers: number;
  hls: string;
  /** A recent picture; absent where there is none. */
  picture?: string;
  pin?: Pin | null;
};

export type Address = {
  name: string;
  line1: string;
  line2?: string;
  city: string;
  region?: string;
  postal_code?: string;
  country: string;
  phone?: string;
};

export type PaymentMethod = { id: string; brand: string; last4: string; default?: boolean };

export type Me = {
  id: string;
  name: string;
  guest: boolean;
  email: string;
  address: Address | null;
  roles: Record<string, string[]>;
  payment_methods: PaymentMethod[];
};

export type OrderState =
  | 'charging'
  | 'action_required'
  | 'processing'
  | 'payment_failed'
  | 'releasing'
  | 'expired'
  | 'canceled'
  | 'paid'
  | 'refunded';

export type Parcel = 'unfulfilled' | 'packed' | 'shipped' | 'delivered' | 'returned';

export type Line = { product: string; title: string; quantity: number; price: Money };

/** What an order comes to: total = items - discount + shipping + tip, and + tax unless it is included. */
export type Sum = { items: Money; discount: Money; shipping: Money; tax: Money; tax_included?: boolean; tip: Money; total: Money };

/** What an order would come to now. `quote` goes with the tap: the buyer agrees to this sum. */
export type Quote = Sum & { quote: string; expires_at: string; product: string; pin: string; price: Money; quantity: number; country: string };

export type Order = Sum & {
  id: string;
  channel: string;
  /** The show on air at the tap; empty when there was none. */
  show?: string;
  state: OrderState;
  parcel: Parcel;
  lines: Line[];
  fee?: Money;
  currency: string;
  created_at: string;
  media_at?: string;
  hold_until?: string;
  payment?: { brand: string; last4: string } | null;
  decline?: { code: string; detail: string } | null;
  buyer?: { name: string; email: string; address?: Address | null };
  shipment?: { carrier: string; tracking: string; shipped_at: string };
  refunded?: Money;
};

/** What holds in a room, as everybody may know it. */
export type Rules = { known_only: boolean; links: 'allow' | 'known' | 'block'; raid_until: string | null };

export type PinnedNotice = { text: string; at: string };

/** What a host decides about a room. */
export type ChatSettings = Rules & { slow: number; words: string[]; raid_guests: number; notice: PinnedNotice | null };

export type Question = { id: string; at: string; from: { id: string; name: string }; text: string; product?: string; state: string; answer?: string };

export type Deed = {
  id: string;
  at: string;
  by: { id: string; name: string };
  did: string;
  to?: { id: string; name: string };
  message?: string;
  detail?: Record<string, unknown>;
};

export type Person = { id: string; name: string; roles?: string[]; badges?: string[] };

export type ChatMessage = { id: string; from: Person; text: string; at?: string };

export type Publisher = {
  connected: boolean;
  since?: string;
  remote?: string;
  /** Bits per second, seconds; a keyframe interval of 0 is not known yet. */
  video?: { codec: string; width: number; height: number; fps: number; bitrate: number; keyframe_interval: number };
  audio?: { codec: string; sample_rate: number; channels: number; bitrate: number };
  /** Sentences for the host, the worst first. */
  advice: string[] | null;
};

/** `obs` are configurations to paste into OBS, one for each kind of computer. */
export type Ingest = { server: string; stream_key: string; publisher: Publisher; obs: { name: string; config: unknown }[] };

export type TestMethod = { test: string; label: string; hint: string };

export type Currency = { digits: number; symbol?: string };

export type Config = { sandbox: boolean; stripe_publishable_key?: string; currencies: Record<string, Currency> };

/** One event of a websocket frame. `seq` is there on the recoverable types only. */
export type Event = {
  type: string;
  seq?: number;
  epoch?: string;
  at?: string;
  media_at?: string;
  data: any; // each consumer narrows it by `type`
};
