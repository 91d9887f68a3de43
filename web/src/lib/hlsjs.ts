import Hls, { type HlsConfig } from 'hls.js/light';
import type { Engine, EngineOptions } from './engine';

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
const mediaErrorsBeforeGivingUp = 2;

/** Low-latency HLS by hls.js: further behind than a push, but with several qualities and more patience. */
export class HlsEngine implements Engine {
  private readonly hls = new Hls(config);
  private mediaErrors = 0;

  static supported(): boolean {
    return Hls.isSupported();
  }

  constructor(private readonly options: EngineOptions) {
    const { hls } = this;
    hls.config.liveMaxLatencyDurationCount = jumpAfterSegments; // refused by the constructor without a liveSyncDurationCount
    hls.on(Hls.Events.MANIFEST_PARSED, () => options.onReady());
    hls.on(Hls.Events.FRAG_CHANGED, () => (this.mediaErrors = 0));
    hls.on(Hls.Events.ERROR, (_, error) => {
      if (!error.fatal) return;
      if (error.type === Hls.ErrorTypes.MEDIA_ERROR && this.mediaErrors++ < mediaErrorsBeforeGivingUp) return hls.recoverMediaError();
      this.destroy();
      options.onFail('broken');
    });
    hls.loadSource(options.url);
    hls.attachMedia(options.video);
  }

  date(): number | null {
    return this.hls.playingDate?.getTime() ?? null;
  }

  goLive(): void {
    const edge = this.hls.liveSyncPosition;
    if (edge) this.options.video.currentTime = edge;
  }

  follows(): boolean {
    return false;
  }

  destroy(): void {
    this.hls.destroy();
  }
}
