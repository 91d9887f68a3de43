import type { Event } from './types';

/** A reply to a command, or the reason why there is none. */
export type Reply = { ok: boolean; code?: string; detail?: string; retry_ms?: number; message?: string };

/** `closed` is final until restart(): the server said to stay away, with a code from 4100 to 4199. */
export type SocketState = 'connecting' | 'open' | 'waiting' | 'closed';

export type SocketOptions = {
  /** Address of the room, without position. Asked for at every connection. */
  url: string | (() => string);
  /** One frame's events, in order, none twice. Called before the next frame is read. */
  onEvents(events: Event[]): void;
  onState?(state: SocketState, code: number): void;
  open?(url: string): WebSocket;
  random?(): number;
};

const firstWait = 500; // ms; doubles with every failure
const longestWait = 20_000;
const silenceMeansDead = 45_000; // the server repeats the viewer count after 20 s of silence
const silenceAfterWaking = 25_000;
const replyTimeout = 10_000;
const stayAway = { from: 4100, to: 4199 };

type Waiting = { settle(reply: Reply): void; timer: ReturnType<typeof setTimeout> };

/**
 * The connection to a room. It comes back by itself with its position (sequence and epoch), so that every
 * numbered event is handed over exactly once, or a `gap` that names it; on a new epoch the `welcome` carries a fresh history instead.
 */
export class RoomSocket {
  private socket: WebSocket | null = null;
  private position: { epoch: string; seq: number } | null = null;
  private failures = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setInterval> | undefined;
  private heard = 0;
  private nextId = 1;
  private readonly waiting = new Map<number, Waiting>();
  private stopped = true;

  constructor(private readonly options: SocketOptions) {}

  start(): void {
    this.stopped = false;
    this.watchdog ??= setInterval(() => this.giveUpIfSilent(silenceMeansDead), 5_000);
    this.connect();
  }

  /** Ends the connection for good. */
  stop(): void {
    this.stopped = true;
    clearInterval(this.watchdog);
    this.watchdog = undefined;
    this.drop();
  }

  /** Connects anew at once, keeping the position: after signing in, or when the network came back. */
  restart(): void {
    if (this.stopped) return;
    this.failures = 0;
    this.drop();
    this.connect();
  }

  /** A phone kills sockets of a sleeping page without telling it. Call when the page becomes visible again. */
  wake(): void {
    if (this.stopped) return;
    if (!this.socket) this.restart();
    else this.giveUpIfSilent(silenceAfterWaking);
  }

  /** Sends a command. Never rejects: a connection that is down or dies answers with code `offline`. */
  send(command: { do: string; [member: string]: unknown }): Promise<Reply> {
    const socket = this.socket;
    if (!socket || socket.readyState !== 1) return Promise.resolve(offline);
    const id = this.nextId++;
    return new Promise((resolve) => {
      const settle = (reply: Reply) => {
        clearTimeout(timer);
        this.waiting.delete(id);
        resolve(reply);
      };
      const timer = setTimeout(() => settle(offline), replyTimeout);
      this.waiting.set(id, { settle, timer });
      socket.send(JSON.stringify({ id, ...command }));
    });
  }

  private connect(): void {
    clearTimeout(this.retry);
    this.options.onState?.('connecting', 0);
    let url = typeof this.options.url === 'string' ? this.options.url : this.options.url();
    if (this.position) url += `${url.includes('?') ? '&' : '?'}since=${this.position.seq}&epoch=${encodeURIComponent(this.position.epoch)}`;
    const socket = (this.options.open ?? ((address) => new WebSocket(address)))(url);
    this.socket = socket;
    this.heard = Date.now();
    socket.onmessage = (message) => {
      if (this.socket === socket) this.read(String(message.data));
    };
    socket.onclose = (close) => {
      if (this.socket === socket) this.closed(close.code);
    };
  }

  private read(frame: string): void {
    this.heard = Date.now();
    const fresh: Event[] = [];
    for (const event of JSON.parse(frame) as Event[]) {
      if (event.type === 'reply') {
        this.waiting.get(event.data.id)?.settle(event.data);
        continue;
      }
      if (event.type === 'welcome') {
        this.position = { epoch: event.epoch ?? '', seq: event.seq ?? 0 };
        this.failures = 0;
        this.options.onState?.('open', 0);
      } else if (event.type === 'gap') {
        if (this.position) this.position.seq = Math.max(this.position.seq, event.data.to);
      } else if (event.seq !== undefined) {
        if (this.position && event.seq <= this.position.seq) continue;
        if (this.position) this.position.seq = event.seq;
      }
      fresh.push(event);
    }
    if (fresh.length > 0) this.options.onEvents(fresh);
  }

  private closed(code: number): void {
    this.drop();
    if (code >= stayAway.from && code <= stayAway.to) {
      this.options.onState?.('closed', code);
      return;
    }
    if (this.stopped) return;
    this.options.onState?.('waiting', code);
    const most = Math.min(longestWait, firstWait * 2 ** this.failures++);
    this.retry = setTimeout(() => this.connect(), most * (0.5 + (this.options.random ?? Math.random)() / 2));
  }

  /** Forgets the present socket; nothing it says later is heard. */
  private drop(): void {
    clearTimeout(this.retry);
    const socket = this.socket;
    this.socket = null;
    for (const { settle } of [...this.waiting.values()]) settle(offline);
    socket?.close();
  }

  private giveUpIfSilent(limit: number): void {
    if (this.socket && Date.now() - this.heard > limit) this.closed(1006);
  }
}

const offline: Reply = { ok: false, code: 'offline' };

/** The websocket address of a channel's room on the server this page came from. */
export function roomURL(channel: string, page: { protocol: string; host: string } = location): string {
  return `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}/ws/${encodeURIComponent(channel)}`;
}
