import { clock } from './clock';
import type { Engine, EngineOptions, Failure } from './engine';
import { NativeEngine } from './native';
import { PushEngine } from './push';

/** `blocked`: the browser wants a tap first. `waiting`: there is no picture yet, or it stalled. */
export type PlayerState = 'loading' | 'playing' | 'waiting' | 'blocked';

export type PlayerOptions = {
  video: HTMLVideoElement;
  /** The multivariant playlist. */
  url: string;
  onState(state: PlayerState): void;
};

/** The ways to the picture, the nearest to live first. */
export type Transport = 'push' | 'hls' | 'native';

const firstRebuildWait = 1_000; // ms; doubles up to the longest, with jitter
const longestRebuildWait = 8_000;
const firstClimb = 60_000; // ms on a lesser transport before a better one is tried again; doubles up to the longest
const longestClimb = 600_000;
const stillMoving = 700; // ms without progress after which the picture counts as standing

/**
 * The live picture. It starts muted by script, chooses its transport by what works here and now, rebuilds itself after
 * errors and knows which moment it shows.
 */
export class Player {
  private engine: Engine | null = null;
  private transports: Transport[] = [...(PushEngine.supported() ? (['push'] as const) : []), 'hls', 'native'];
  private at = 0; // in transports
  private builds = 0; // tells an engine's code that arrives too late that it is not wanted
  private rebuilds = 0;
  private climb = firstClimb;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private climber: ReturnType<typeof setTimeout> | undefined;
  private lastTime = -1;
  private movedAt = 0;
  private ended = false;
  private readonly listeners = new AbortController();

  constructor(private readonly options: PlayerOptions) {
    const { video } = options;
    const on = (name: string, act: () => void) => video.addEventListener(name, act, { signal: this.listeners.signal });
    on('playing', () => {
      this.rebuilds = 0;
      options.onState('playing');
    });
    on('waiting', () => options.onState('waiting'));
    on('timeupdate', () => {
      if (video.currentTime === this.lastTime) return;
      this.lastTime = video.currentTime;
      this.movedAt = performance.now();
    });
    this.build();
  }

  /** The server said that the encoder is back: unless the engine sees that itself, starts over at the live edge. */
  rebuild(): void {
    if (this.ended || this.engine?.follows()) return;
    this.build();
  }

  /** After a tap, where the browser refused to start by itself. */
  play(): void {
    this.options.video.play().catch((err: Error) => err.name === 'NotAllowedError' && this.options.onState('blocked'));
  }

  goLive(): void {
    this.engine?.goLive();
    this.play();
  }

  /** The server time of the frame on screen, unix ms; null while no picture with a date is moving. */
  playhead(): number | null {
    if (this.options.video.paused || performance.now() - this.movedAt > stillMoving) return null;
    return this.engine?.date() ?? null;
  }

  /** Seconds between the server's now and the frame on screen, or null when unknown. */
  behind(): number | null {
    const date = this.engine?.date() ?? null;
    return date === null ? null : (clock.now() - date) / 1000;
  }

  destroy(): void {
    this.ended = true;
    clearTimeout(this.timer);
    clearTimeout(this.climber);
    this.listeners.abort();
    this.engine?.destroy();
    this.engine = null;
  }

  private build(): void {
    clearTimeout(this.timer);
    clearTimeout(this.climber);
    this.engine?.destroy();
    this.engine = null;
    const build = ++this.builds;
    const { video, url, onState } = this.options;
    const transport = this.transports[this.at]!;
    video.dataset.transport = transport;
    video.muted ||= video.paused; // a page that never played may only start silent
    onState('loading');
    const options: EngineOptions = {
      video,
      url: transport === 'push' ? url.replace(/[^/]*$/, 'push') : url,
      onReady: () => this.play(),
      onFail: (why) => build === this.builds && this.failed(why),
    };
    switch (transport) {
      case 'push':
        this.engine = new PushEngine(options);
        return;
      case 'native':
        this.engine = new NativeEngine(options);
        return this.climbLater();
      case 'hls':
        void import('./hlsjs').then(
          ({ HlsEngine }) => {
            if (build !== this.builds || this.ended) return;
            if (!HlsEngine.supported()) return this.failed('unsupported');
            this.engine = new HlsEngine(options);
            this.climbLater();
          },
          () => build === this.builds && this.failed('broken'),
        );
    }
  }

  private failed(why: Failure): void {
    if (this.ended) return;
    this.engine = null;
    if (why === 'unsupported' && this.transports.length > 1) this.transports.splice(this.at, 1);
    else this.at++;
    // The browser's own player is for where hls.js does not run: elsewhere it only says that it can.
    const lesser = this.transports[this.at];
    if (lesser && !(lesser === 'native' && this.transports.includes('hls'))) return this.build();
    this.at = 0;
    this.options.onState('waiting');
    const wait = Math.min(longestRebuildWait, firstRebuildWait * 2 ** this.rebuilds++);
    this.timer = setTimeout(() => this.build(), wait * (0.75 + Math.random() / 2));
  }

  /** Tries the best transport again after a while, each time a longer one, as soon as somebody looks. */
  private climbLater(): void {
    if (this.at === 0) return;
    this.climber = setTimeout(() => {
      if (document.visibilityState !== 'visible') return this.climbLater();
      this.climb = Math.min(longestClimb, this.climb * 2);
      this.at = 0;
      this.build();
    }, this.climb);
  }
}
