import Hls, { type HlsConfig } from 'hls.js/light';
import { clock } from './clock';

/** `blocked`: the browser wants a tap first. `waiting`: there is no picture yet, or it stalled. */
export type PlayerState = 'loading' | 'playing' | 'waiting' | 'blocked';

export type PlayerOptions = {
  video: HTMLVideoElement;
  /** The multivariant playlist. */
  url: string;
  onState(state: PlayerState): void;
};

const config: Partial<HlsConfig> = {
  lowLatencyMode: true,
  enableWorker: false, // fMP4 needs no transmuxing
  // No liveSync… here: any would replace the distance to the live edge that the playlist asks for (PART-HOLD-BACK).
  liveSyncMode: 'buffered',
  maxLiveSyncPlaybackRate: 1.08,
  liveSyncOnStallIncrease: 0.5,
  backBufferLength: 30,
  maxBufferLength: 20,
  capLevelToPlayerSize: true,
  startFragPrefetch: true,
};

const jumpAfterSegments = 10; // further behind than this, playback jumps to the live edge
const mediaErrorsBeforeRebuild = 2;
const firstRebuildWait = 1_000; // ms; doubles up to the longest, with jitter
const longestRebuildWait = 8_000;
const stillMoving = 700; // ms without progress after which the picture counts as standing

/**
 * The live picture. It starts muted by script, rebuilds itself after fatal errors and knows which moment it shows.
 * hls.js is used wherever it runs: browsers that only say they play HLS cannot be asked for the program date-time reliably.
 */
export class Player {
  private hls: Hls | null = null;
  private mediaErrors = 0;
  private rebuilds = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastTime = -1;
  private movedAt = 0;
  private ended = false;
  private readonly listeners = new AbortController();

  constructor(private readonly options: PlayerOptions) {
    const { video } = options;
    const on = (name: string, act: () => void) => video.addEventListener(name, act, { signal: this.listeners.signal });
    on('playing', () => {
      this.rebuilds = 0;
      this.mediaErrors = 0;
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

  /** Starts over at the live edge, at once: the server said that the encoder is back. */
  rebuild(): void {
    if (this.ended) return;
    clearTimeout(this.timer);
    this.build();
  }

  /** After a tap, where the browser refused to start by itself. */
  play(): void {
    this.options.video.play().catch(() => this.options.onState('blocked'));
  }

  goLive(): void {
    const edge = this.hls?.liveSyncPosition;
    if (edge) this.options.video.currentTime = edge;
    else this.rebuild();
    this.play();
  }

  /** The server time of the frame on screen, unix ms; null while no picture with a date is moving. */
  playhead(): number | null {
    if (this.options.video.paused || performance.now() - this.movedAt > stillMoving) return null;
    return this.date();
  }

  /** Seconds between the server's now and the frame on screen, or null when unknown. */
  behind(): number | null {
    const date = this.date();
    return date === null ? null : (clock.now() - date) / 1000;
  }

  destroy(): void {
    this.ended = true;
    clearTimeout(this.timer);
    this.listeners.abort();
    this.hls?.destroy();
    this.hls = null;
  }

  private date(): number | null {
    const { video } = this.options;
    if (this.hls) return this.hls.playingDate?.getTime() ?? null;
    const start = (video as { getStartDate?(): Date }).getStartDate?.().getTime();
    return start ? start + video.currentTime * 1000 : null;
  }

  private build(): void {
    const { video, url, onState } = this.options;
    this.hls?.destroy();
    this.hls = null;
    onState('loading');
    video.muted ||= video.paused; // a page that never played may only start silent
    if (!Hls.isSupported()) {
      video.src = url;
      this.play();
      return;
    }
    const hls = new Hls(config);
    hls.config.liveMaxLatencyDurationCount = jumpAfterSegments; // refused by the constructor without a liveSyncDurationCount
    this.hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, () => this.play());
    hls.on(Hls.Events.ERROR, (_, error) => {
      if (!error.fatal || this.hls !== hls) return;
      if (error.type === Hls.ErrorTypes.MEDIA_ERROR && this.mediaErrors++ < mediaErrorsBeforeRebuild) hls.recoverMediaError();
      else this.rebuildLater();
    });
    hls.loadSource(url);
    hls.attachMedia(video);
  }

  private rebuildLater(): void {
    this.options.onState('waiting');
    const wait = Math.min(longestRebuildWait, firstRebuildWait * 2 ** this.rebuilds++);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.rebuild(), wait * (0.75 + Math.random() / 2));
  }
}
