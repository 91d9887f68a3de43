/**
 * Why an engine gave up. `unsupported`: this browser cannot play it, now or later. `slow`: the network does not carry it.
 * `broken`: anything else; another try may do.
 */
export type Failure = 'unsupported' | 'slow' | 'broken';

export type EngineOptions = {
  video: HTMLVideoElement;
  url: string;
  /** There is something to play. */
  onReady(): void;
  /** It has given up: called once, and nothing is played any more. */
  onFail(why: Failure): void;
};

/** One way to get the picture into a video element. */
export interface Engine {
  /** The server time of the frame at the playing position, unix ms. */
  date(): number | null;
  goLive(): void;
  /** True if it needs no help when the encoder comes back. */
  follows(): boolean;
  destroy(): void;
}
