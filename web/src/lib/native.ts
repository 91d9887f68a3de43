import type { Engine, EngineOptions } from './engine';

/** HLS by the browser itself, where nothing else runs. */
export class NativeEngine implements Engine {
  private readonly listeners = new AbortController();

  constructor(private readonly options: EngineOptions) {
    const { video } = options;
    const { signal } = this.listeners;
    video.addEventListener('loadedmetadata', () => options.onReady(), { signal });
    video.addEventListener(
      'error',
      () => {
        this.destroy();
        options.onFail('broken');
      },
      { signal },
    );
    video.src = options.url;
    options.onReady(); // iOS loads nothing before it is asked to play
  }

  date(): number | null {
    const start = (this.options.video as { getStartDate?(): Date }).getStartDate?.().getTime();
    return start ? start + this.options.video.currentTime * 1000 : null;
  }

  goLive(): void {
    const { video } = this.options;
    if (video.seekable.length > 0) video.currentTime = video.seekable.end(video.seekable.length - 1);
  }

  follows(): boolean {
    return false;
  }

  destroy(): void {
    this.listeners.abort();
    this.options.video.removeAttribute('src');
    this.options.video.load();
  }
}
