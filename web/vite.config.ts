import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { clean, precompress } from './build/output.ts';

// One entry per page; the Go side looks entries up by these source paths.
const entries = ['home', 'live', 'studio', 'dock', 'merchant', 'order', 'overlay', 'embed', 'replay', 'wallet', 'account', 'enter', 'numbers'].map((name) => `src/pages/${name}.ts`);

export default defineConfig({
  base: '/_/',
  plugins: [svelte(), clean(), precompress()],
  build: {
    // chrome103 is the browser inside OBS 30, where the dock runs.
    target: ['es2022', 'chrome103'],
    manifest: 'manifest.json',
    // The folder holds a committed placeholder, so the clean plugin empties it instead of Vite.
    emptyOutDir: false,
    // Inlined data: URIs would need their own permission in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
    rolldownOptions: { input: entries },
  },
  test: { include: ['src/**/*.test.ts', 'build/*.test.ts'], environment: 'node', setupFiles: ['src/text/learn.ts'] },
});
