import { chromium, type Browser, type BrowserContextOptions, type Frame, type Page } from 'playwright-core';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { uuidv7 } from '../src/lib/uuid';

const binary = process.env.SOUK_BINARY ?? join(import.meta.dirname, '..', '..', 'bin', 'souk');
const browserPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const flags = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required'.split(' ');
const startTimeout = 20_000;

type Ready = { setup?: string; http: string; rtmp: string; channel: string; stream_key: string; host: { email: string; password: string }; watch: string; studio: string };

/** A real server with the demo's shop, on free ports and in a folder of its own, and a real browser to visit it. */
export class Shop {
  private token = '';

  private constructor(
    readonly ready: Ready,
    private readonly folder: string,
    private readonly children: ChildProcess[],
    private readonly browser: Browser,
  ) {}

  /** `empty` is a server that nobody owns, with nothing in it. `broadcast` puts the built-in clip on air through the real RTMP port; a show waits `grace` for a lost encoder. */
  static async open({ broadcast = true, grace = '60s', empty = false } = {}): Promise<Shop> {
    for (const path of [binary, browserPath]) if (!existsSync(path)) throw new Error(`${path} is missing: stories need a built souk (make build) and Chromium`);
    const folder = mkdtempSync(join(tmpdir(), 'souk-story-'));
    const file = join(folder, 'ready.json');
    const any = '127.0.0.1:0';
    const args = [empty ? 'serve' : 'demo', '--http', any, '--rtmp', any, '--admin', any, '--data', join(folder, 'data'), '--grace', grace, '--ready-file', file];
    const server = spawn(binary, broadcast || empty ? args : [...args, '--no-broadcast'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    server.stderr!.on('data', (text) => (log += text));
    for (const end = Date.now() + startTimeout; !existsSync(file); await pause(50)) {
      if (server.exitCode === null && Date.now() < end) continue;
      server.kill('SIGKILL');
      throw new Error(`the server did not get ready:\n${log}`);
    }
    const browser = await chromium.launch({ executablePath: browserPath, args: flags });
    const shop = new Shop(JSON.parse(readFileSync(file, 'utf8')) as Ready, folder, [server], browser);
    if (empty) return shop;
    const login = await shop.call<{ token: string }>('POST', '/login', shop.ready.host);
    shop.token = login.token;
    return shop;
  }

  async close(): Promise<void> {
    await this.browser.close();
    for (const child of this.children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(this.folder, { recursive: true });
  }

  /** An API call as the demo's host. */
  async call<T = any>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.ready.http}/api/v1${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', ...(this.token && { Authorization: `Bearer ${this.token}` }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : null) as T;
  }

  async products(): Promise<{ id: string; title: string; price: { amount: number; currency: string } }[]> {
    return (await this.call('GET', '/channels/tea/products')).products;
  }

  async orders(): Promise<{ state: string; total: { amount: number } }[]> {
    return (await this.call('GET', '/channels/tea/orders')).orders;
  }

  /** A purchase by somebody else, through the API. */
  async buy(product: string, currency: string, amount: number, card = 'pm_card_visa'): Promise<void> {
    const ask = async (method: string, path: string, body: unknown, token = '', headers = {}) => {
      const response = await fetch(`${this.ready.http}/api/v1${path}`, {
        method,
        headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }), ...headers },
        body: JSON.stringify(body),
      });
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
      return response.json();
    };
    const { token } = await ask('POST', '/guests', {});
    const address = { name: 'Ana Reis', line1: 'Rua Nova 1', city: 'Porto', postal_code: '4000-001', country: 'PT' };
    await ask('PUT', '/me', { email: 'ana@example.com', address }, token);
    await ask('POST', '/me/payment-methods', { test: card }, token);
    const pin = (await this.call('GET', '/channels/tea')).pin;
    const what = pin?.product.id === product ? { pin: pin.pin } : { product };
    await ask('POST', '/orders', { channel: 'tea', ...what, quantity: 1, price: { amount, currency } }, token, { 'Idempotency-Key': uuidv7() });
  }

  /** The newest mail to somebody, as text; waits for one. */
  async mail(to: string): Promise<string> {
    const box = join(this.folder, 'data', 'mail');
    for (const end = Date.now() + startTimeout; Date.now() < end; await pause(100)) {
      const files = existsSync(box) ? readdirSync(box).filter((f) => f.endsWith('.eml')).sort().reverse() : [];
      for (const file of files) {
        const text = readFileSync(join(box, file), 'utf8');
        if (text.includes(to)) return text.replace(/=\r?\n/g, '').replace(/=3D/g, '=');
      }
    }
    throw new Error(`no mail to ${to}`);
  }

  /** An encoder of its own, for shows that start, drop and come back. */
  push(): ChildProcess {
    const child = spawn(binary, ['publish', '--to', `${this.ready.rtmp}/${this.ready.stream_key}`, '--loop'], { stdio: 'ignore' });
    this.children.push(child);
    return child;
  }

  /** A fresh visitor. Whatever the page complains about is collected and must be asked for with `complaints`. */
  async visitor(width: number, height: number, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await this.browser.newContext({ viewport: { width, height }, hasTouch: width < 800, ...options });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    return { page, complaints };
  }
}

export type Visitor = { page: Page; complaints: string[] };

/** Resolves once the picture has moved. */
export async function playing(page: Page): Promise<void> {
  await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0.5, null, { timeout: 20_000 });
}

/** Fills in what an order needs once. */
export async function fillDetails(page: Page | Frame): Promise<void> {
  await page.getByLabel('Full name').fill('Mira Sol');
  await page.getByLabel('Email').fill('mira@example.com');
  await page.getByLabel('Street and number').fill('Rua das Flores 8');
  await page.getByLabel('City', { exact: true }).fill('Lisbon');
  await page.getByLabel('Country').selectOption('PT');
  await page.getByRole('button', { name: 'Continue' }).click();
}

export async function chooseCard(page: Page | Frame, label: string): Promise<void> {
  await page.getByText(label, { exact: true }).click();
  await page.getByRole('button', { name: 'Use this card' }).click();
}

/** Signs in on a page that asks for it. */
export async function signIn(page: Page, host: Ready['host']): Promise<void> {
  await page.getByLabel('Email').fill(host.email);
  await page.getByLabel('Password').fill(host.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}
