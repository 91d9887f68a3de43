import Hls from 'hls.js/light';

const mediaErrorsBeforeGivingUp = 2;
const retryAfter = 3_000; // ms until a lost network is tried again

/** Plays a recording in a video element; `failed` is called when this browser cannot. The returned function ends it. */
export function attach(video: HTMLVideoElement, url: string, failed: () => void): () => void {
  if (!Hls.isSupported()) return attachNative(video, url, failed);
  const hls = new Hls({ enableWorker: false, backBufferLength: 60, maxBufferLength: 30, capLevelToPlayerSize: true });
  let mediaErrors = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;
  hls.on(Hls.Events.FRAG_CHANGED, () => (mediaErrors = 0));
  hls.on(Hls.Events.ERROR, (_, error) => {
    if (!error.fatal) return;
    if (error.type === Hls.ErrorTypes.MEDIA_ERROR && mediaErrors++ < mediaErrorsBeforeGivingUp) hls.recoverMediaError();
    else if (error.type === Hls.ErrorTypes.NETWORK_ERROR && error.response?.code !== 404) retry = setTimeout(() => (hls.levels.length > 0 ? hls.startLoad() : hls.loadSource(url)), retryAfter);
    else failed();
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  return () => {
    clearTimeout(retry);
    hls.destroy();
  };
}

/** HLS by the browser itself, where hls.js does not run. */
function attachNative(video: HTMLVideoElement, url: string, failed: () => void): () => void {
  video.addEventListener('error', failed);
  video.src = url;
  return () => {
    video.removeEventListener('error', failed);
    video.removeAttribute('src');
    video.load();
  };
}
