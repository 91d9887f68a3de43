import type { Engine, EngineOptions, Failure } from './engine';
import { FrameParser, type Frame, type FrameHeader } from './frames';
import { Hold } from './hold';

const origin = 10; // s: where the first picture lies, so that sound which begins a little earlier has a place
const settleAfter = 60; // ms without a part: all that was there when we came has arrived
const holeSkip = 0.35; // s of media behind a hole before playback goes on there
const brink = 0.15; // s in front of a hole at which playback may stand: sound and picture do not end together
const jumpBeyond = 12; // s behind the newest picture: playing faster would take minutes
const keepBehind = 15; // s of media kept behind the playing position
const tidyEvery = 10_000; // ms
const mostAhead = 30; // s of media in front of a picture that stands: then nothing more is fetched
const parkAfter = 20_000; // ms out of sight and silent
const troubleSpan = 30_000; // ms in which so many stalls are too much for this network
const tooManyStalls = 4;
const tooManySkips = 3;
const continuous = 500; // ms between the dates of two parts that follow each other
const retries = 3; // in a row, without a part
const retryWait = 500; // ms; doubles
const silence = 7_000; // ms without a frame: the server sends one every two seconds

type Part = Extract<FrameHeader, { type: 'part' }>;
type Source = { new (): MediaSource; isTypeSupported(type: string): boolean };

/** iOS has its own kind of media source. */
const mediaSource = (): Source | undefined =>
  (globalThis as { ManagedMediaSource?: Source }).ManagedMediaSource ?? (globalThis as { MediaSource?: Source }).MediaSource;

class Failed extends Error {
  constructor(readonly why: Failure) {
    super(why);
  }
}

/** The kinds of tracks of a type: a source buffer cannot change them. */
const tracksOf = (mime: string) => [/avc|hvc|hev|av01/, /mp4a|opus|flac/i].map((codec) => codec.test(mime)).join();

/**
 * Plays the parts that the server sends over one long response. The media's time axis is that of the server's dates, so
 * that encoders may come and go, parts may be missing and connections may be renewed without anything having to be
 * counted: everything lies where it belongs.
 */
export class PushEngine implements Engine {
  private source!: MediaSource;
  private buffer: SourceBuffer | null = null;
  private mime = '';
  private fresh = false; // the next part begins a run
  private zero = 0; // unix ms at position 0
  private readonly drift: { from: number; ms: number }[] = []; // what to add to dates from a position on
  private readonly hold = new Hold();

  private started = false;
  private settle: ReturnType<typeof setTimeout> | undefined;
  private lastEnd = 0; // unix ms after the newest part
  private lastAppend = 0;
  private lastDuration = 0;
  private lastTidy = 0;
  private waiting = false;
  private stalls: number[] = [];
  private skips: number[] = [];

  private fetching: AbortController | null = null;
  private parked: (() => void) | null = null; // ends the wait of a connection that is not wanted now
  private park: ReturnType<typeof setTimeout> | undefined;
  private over = false; // the show has ended
  private ended = false;
  private readonly listeners = new AbortController();

  static supported(): boolean {
    return mediaSource() !== undefined && typeof ReadableStream === 'function';
  }

  constructor(private readonly options: EngineOptions) {
    const on = (target: EventTarget, name: string, act: () => void) => target.addEventListener(name, act, { signal: this.listeners.signal });
    on(options.video, 'waiting', () => (this.waiting = this.started));
    on(options.video, 'playing', () => this.unpark());
    on(options.video, 'play', () => this.unpark());
    on(options.video, 'error', () => this.fail('broken'));
    on(document, 'visibilitychange', () => this.seen());
    void this.run();
  }

  date(): number | null {
    if (!this.started) return null;
    const at = this.options.video.currentTime;
    let ms = 0;
    for (const d of this.drift) if (d.from <= at) ms = d.ms;
    return this.zero + at * 1000 + ms;
  }

  goLive(): void {
    this.edge();
  }

  follows(): boolean {
    return !this.ended && !this.over;
  }

  destroy(): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.settle);
    clearTimeout(this.park);
    this.listeners.abort();
    this.fetching?.abort();
    this.unpark();
    this.options.video.playbackRate = 1;
    this.detach();
  }

  private fail(why: Failure): void {
    if (this.ended) return;
    this.destroy();
    this.options.onFail(why);
  }

  private async run(): Promise<void> {
    try {
      const attached = this.attach();
      for (let failures = 0; ; ) {
        if (await this.connect(attached)) failures = 0;
        if (this.ended || this.over) return;
        if (this.parked) {
          await new Promise<void>((resolve) => (this.parked = resolve));
          this.parked = null;
          continue;
        }
        if (failures++ >= retries) throw new Failed('broken');
        await new Promise((resolve) => setTimeout(resolve, retryWait * 2 ** (failures - 1) * (0.75 + Math.random() / 2)));
      }
    } catch (err) {
      this.fail(err instanceof Failed ? err.why : 'broken');
    }
  }

  /** One response, to its end. Reports whether there was a part in it. */
  private async connect(attached: Promise<void>): Promise<boolean> {
    const abort = (this.fetching = new AbortController());
    const watchdog = setInterval(() => performance.now() - heard > silence && abort.abort(), 1000);
    let heard = performance.now() + silence; // the first frame may take longer: there may be nothing yet
    let parts = 0;
    try {
      const response = await fetch(this.options.url, { signal: abort.signal, cache: 'no-store' });
      if (!response.ok || !response.body) throw new Failed('broken');
      await attached;
      const reader = response.body.getReader();
      const parser = new FrameParser();
      this.settling();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return parts > 0;
        heard = performance.now();
        for (const frame of parser.push(value)) {
          if (this.ended) return true;
          if (frame.header.type === 'part') parts++;
          await this.take(frame);
        }
      }
    } catch (err) {
      if (err instanceof Failed) throw err;
      return parts > 0; // the network, or our own abort
    } finally {
      clearInterval(watchdog);
      abort.abort();
    }
  }

  private async take({ header, body }: Frame): Promise<void> {
    switch (header.type) {
      case 'init':
        return this.begin(header.mime, body);
      case 'part':
        return this.add(header, body);
      case 'skip':
        this.hold.stalled();
        return this.count(this.skips, tooManySkips);
      case 'end':
        this.over = true;
        if (this.source.readyState === 'open') this.source.endOfStream();
    }
  }

  /** A run: what follows has its own codecs and its own clock. */
  private async begin(mime: string, head: Uint8Array<ArrayBuffer>): Promise<void> {
    if (!mediaSource()!.isTypeSupported(mime)) throw new Failed('unsupported');
    if (this.buffer && tracksOf(mime) !== tracksOf(this.mime)) {
      this.detach();
      await this.attach();
    }
    if (!this.buffer) this.buffer = this.source.addSourceBuffer(mime);
    else if (mime !== this.mime) {
      if (!this.buffer.changeType) throw new Failed('unsupported');
      this.buffer.changeType(mime);
    }
    this.mime = mime;
    this.fresh = true;
    await this.append(head);
  }

  private async add(part: Part, body: Uint8Array<ArrayBuffer>): Promise<void> {
    const buffer = this.buffer;
    if (!buffer) throw new Failed('broken');
    const date = Date.parse(part.date);
    if (part.media !== undefined) {
      this.zero ||= date - origin * 1000;
      if (this.fresh) buffer.timestampOffset = (date - this.zero) / 1000 - part.media;
      const at = part.media + buffer.timestampOffset;
      this.drift.push({ from: at - 0.001, ms: date - this.zero - at * 1000 });
      if (this.drift.length > 64) this.drift.shift();
      this.fresh = false;
    } else if (this.fresh) throw new Failed('unsupported'); // nothing tells where it belongs

    const { video } = this.options;
    const left = this.ahead();
    if (this.waiting) {
      this.waiting = false;
      if (date - this.lastEnd < continuous) { // the media goes on where it stopped: it was late
        this.hold.stalled();
        this.count(this.stalls, tooManyStalls);
      }
    }
    await this.append(body);
    this.lastEnd = date + part.duration * 1000;
    this.lastAppend = performance.now();
    this.lastDuration = part.duration;
    if (!this.started) this.start();
    else if (this.settle !== undefined) this.settling();
    else if (left === null || (left < brink && video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA)) this.overHole();
    else if (left > jumpBeyond && !video.paused) this.edge();
    else if (video.paused && left > mostAhead) this.doPark();
    else {
      const speed = this.hold.arrived(left);
      if (video.playbackRate !== speed) video.playbackRate = speed;
    }
    await this.tidy();
  }

  private start(): void {
    const { video } = this.options;
    if (!this.buffer?.buffered.length) return;
    this.started = true;
    video.currentTime = this.buffer.buffered.start(0);
    this.options.onReady();
  }

  /** Until all that was waiting for us has arrived, the newest part is not the live edge. */
  private settling(): void {
    clearTimeout(this.settle);
    this.settle = setTimeout(() => {
      this.settle = undefined;
      if (this.started && !this.options.video.paused) this.edge();
    }, settleAfter);
  }

  /** Goes as near to the newest picture as can be held. */
  private edge(): void {
    const ranges = this.buffer?.buffered;
    if (!ranges?.length) return;
    const { video } = this.options;
    const end = ranges.end(ranges.length - 1);
    const since = (performance.now() - this.lastAppend) / 1000;
    const to = Math.max(ranges.start(ranges.length - 1), end - this.hold.reserve - Math.max(0, this.lastDuration - since));
    if (Math.abs(to - video.currentTime) < 0.1) return;
    video.currentTime = to;
    video.playbackRate = 1;
    this.hold.moved();
  }

  /** Seconds of media in front of the playing position, or null in a hole. */
  private ahead(): number | null {
    const ranges = this.buffer?.buffered;
    const at = this.options.video.currentTime;
    for (let i = 0; ranges && i < ranges.length; i++) {
      if (ranges.start(i) <= at + 0.01 && at < ranges.end(i)) return ranges.end(i) - at;
    }
    return null;
  }

  /** Media is missing where we are: goes on behind it, once that can be held. */
  private overHole(): void {
    const ranges = this.buffer!.buffered;
    const { video } = this.options;
    for (let i = 0; i < ranges.length; i++) {
      if (ranges.start(i) <= video.currentTime || ranges.end(i) - ranges.start(i) < holeSkip) continue;
      video.currentTime = ranges.start(i) + 0.001;
      video.playbackRate = 1;
      this.hold.moved();
      return;
    }
  }

  private count(list: number[], tooMany: number): void {
    const now = performance.now();
    list.push(now);
    while (list[0]! < now - troubleSpan) list.shift();
    if (list.length >= tooMany) throw new Failed('slow');
  }

  /** Out of sight and silent, nobody needs the media. */
  private seen(): void {
    clearTimeout(this.park);
    if (document.visibilityState === 'visible') this.unpark();
    else this.park = setTimeout(() => this.options.video.muted && !document.pictureInPictureElement && this.doPark(), parkAfter);
  }

  private doPark(): void {
    this.parked ??= () => undefined;
    this.fetching?.abort();
  }

  private unpark(): void {
    const resume = this.parked;
    if (!resume || (!this.ended && document.visibilityState !== 'visible')) return;
    this.parked = null;
    resume();
  }

  private attach(): Promise<void> {
    const { video } = this.options;
    this.source = new (mediaSource()!)();
    this.buffer = null;
    this.started = false;
    video.disableRemotePlayback = true; // or a managed media source never opens
    video.src = URL.createObjectURL(this.source);
    return new Promise((resolve) => this.source.addEventListener('sourceopen', () => resolve(), { once: true }));
  }

  private detach(): void {
    const { video } = this.options;
    URL.revokeObjectURL(video.src);
    video.removeAttribute('src');
    video.load();
    this.buffer = null;
  }

  private append(body: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.change((buffer) => buffer.appendBuffer(body)).catch(async (err) => {
      if ((err as Error).name !== 'QuotaExceededError') throw err;
      await this.change((buffer) => buffer.remove(0, Math.max(0.1, this.options.video.currentTime - 1)));
      await this.change((buffer) => buffer.appendBuffer(body));
    });
  }

  /** Lets go of what was played long ago. */
  private async tidy(): Promise<void> {
    const now = performance.now();
    const to = this.options.video.currentTime - keepBehind;
    if (now - this.lastTidy < tidyEvery || to <= origin) return;
    this.lastTidy = now;
    await this.change((buffer) => buffer.remove(0, to));
  }

  /** Does something to the buffer and waits until it is done. */
  private change(act: (buffer: SourceBuffer) => void): Promise<void> {
    const buffer = this.buffer;
    if (!buffer || this.ended) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const gone = new AbortController();
      const on = (target: EventTarget, name: string, done: () => void) =>
        target.addEventListener(name, () => (gone.abort(), done()), { signal: gone.signal });
      on(buffer, 'error', () => reject(new Failed('broken'))); // comes before updateend
      on(buffer, 'updateend', resolve);
      on(this.listeners.signal, 'abort', resolve);
      act(buffer);
    });
  }
}
