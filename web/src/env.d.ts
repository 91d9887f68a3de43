/// <reference types="svelte" />

// The light build has the API of the whole one, without subtitles, alternate audio and encryption.
declare module 'hls.js/light' {
  export * from 'hls.js';
  export { default } from 'hls.js';
}
