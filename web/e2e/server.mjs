// What a browser story needs around it: the real binary on free ports, an encoder, a browser. Everything started here
// ends with the story, by the handle it was started with.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const clip = path.join(root, 'internal/testcard/clip.flv');
const startTimeout = 30_000;

const chromiumFlags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
];

/** Starts `souk demo` without a broadcast. The result has the ready file's members. */
export async function startSouk(...flags) {
  const dir = await mkdtemp(path.join(tmpdir(), 'souk-story-'));
  const ready = path.join(dir, 'ready.json');
  const free = '127.0.0.1:0';
  const child = spawn(path.join(root, 'bin/souk'), [
    'demo', '--no-broadcast', '--http', free, '--rtmp', free, '--admin', free, '--data', path.join(dir, 'data'), '--ready-file', ready, ...flags,
  ]);
  let log = '';
  child.stderr.on('data', (b) => (log += b));
  const exited = once(child, 'exit');
  const deadline = Date.now() + startTimeout;
  for (;;) {
    try {
      const doc = JSON.parse(await readFile(ready, 'utf8'));
      return {
        ...doc,
        log: () => log,
        async stop() {
          child.kill('SIGTERM');
          const [code] = await exited;
          await rm(dir, { recursive: true, force: true });
          return code;
        },
      };
    } catch {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`souk did not start:\n${log}`);
      await new Promise((r) => setTimeout(r, 50));
    }
  }
}

/** Puts the clip on air with ffmpeg, in real time, until stopped. */
export function startEncoder(souk) {
  const child = spawn('ffmpeg', ['-v', 'error', '-re', '-stream_loop', '-1', '-i', clip, '-c', 'copy', '-f', 'flv', `${souk.rtmp}/${souk.stream_key}`], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  return {
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

export function startBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: chromiumFlags });
}

/** A page whose console errors and policy violations are collected in `faults`. */
export async function openPage(browser, options, url, expected = []) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const faults = [];
  const note = (text) => expected.some((re) => re.test(text)) || faults.push(text);
  page.on('console', (m) => m.type() === 'error' && note(`${m.text()} ${m.location().url}`));
  page.on('pageerror', (e) => note(e.stack ?? e.message));
  await page.goto(url);
  return { page, faults, context };
}

/** Waits until the video has played on for `seconds` from where it is now. */
export async function playsOn(page, seconds, timeout = 30_000) {
  await page.waitForFunction(
    ([s]) => {
      const v = document.querySelector('video');
      const frames = v?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
      window.storyFrom ??= frames;
      return v && v.videoWidth > 0 && frames - window.storyFrom > s * 20;
    },
    [seconds],
    { timeout },
  );
  await page.evaluate(() => delete window.storyFrom);
}
