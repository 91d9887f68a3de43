import '../overlay/overlay.css';
import { get } from '../lib/api';
import { boot } from '../lib/boot';
import { clock } from '../lib/clock';
import { formatMoney, type Currencies } from '../lib/money';
import { RoomSocket, roomURL } from '../lib/socket';
import type { Config } from '../lib/types';
import { Overlay } from '../overlay/state';
import { countdown, locale, t } from '../text/t';

const saleShown = 3000; // ms
const saleGap = 400; // between two, while the pill is away

const { id: channel } = boot<never>();
const asked = new URLSearchParams(location.search);

const state = new Overlay();
let currencies: Currencies = {};

function element<K extends keyof HTMLElementTagNameMap>(tag: K, name: string, ...inside: HTMLElement[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = name;
  made.append(...inside);
  return made;
}

const picture = element('img', 'picture');
const title = element('div', 'title');
const price = element('span', '');
const former = element('s', '');
const left = element('span', '');
const timer = element('span', '');
const code = element('img', '');
const scan = element('div', '');
scan.textContent = t('overlay.scan');
title.dir = 'auto';
picture.alt = code.alt = '';
code.src = `/qr/${encodeURIComponent(channel!)}.svg`;
const card = element(
  'section',
  'card',
  picture,
  element('div', 'words', title, element('div', 'price', price, former), element('div', 'facts', left, timer)),
  element('div', 'scan', code, scan),
);
const sale = element('div', 'sale');
sale.dir = 'auto';
document.getElementById('app')!.append(card, sale);

/** Writes only what changed: an overlay that stands still costs nothing. */
function write(at: HTMLElement, text: string): void {
  if (at.textContent !== text) at.textContent = text;
}

function draw(): void {
  const terms = state.terms(clock.now());
  card.classList.toggle('on', terms !== null);
  if (!terms || !state.pin) return; // what leaves keeps its words while it fades
  const { product } = state.pin;
  picture.hidden = !product.image;
  if (product.image && picture.getAttribute('src') !== product.image) picture.src = product.image;
  write(title, product.title);
  write(price, formatMoney(terms.price, currencies, locale));
  write(former, terms.former ? formatMoney(terms.former, currencies, locale) : '');
  write(left, state.few === null ? '' : state.few > 0 ? t('card.left', { n: state.few }) : t('card.sold_out'));
  const seconds = (terms.endsAt - clock.now()) / 1000;
  write(timer, seconds > 0 ? countdown(seconds) : '');
}

let busy = false;
function tellSales(): void {
  const next = busy ? undefined : state.sales.shift();
  if (!next) return;
  busy = true;
  write(sale, next.quantity === 1 ? t('overlay.sold', { title: next.title }) : t('overlay.sold_many', { n: next.quantity, title: next.title }));
  sale.classList.add('on');
  setTimeout(() => sale.classList.remove('on'), saleShown);
  setTimeout(() => {
    busy = false;
    tellSales();
  }, saleShown + saleGap);
}

async function learnCurrencies(): Promise<void> {
  try {
    currencies = (await get<Config>('/config')).currencies;
    draw();
  } catch {
    setTimeout(learnCurrencies, 5000);
  }
}

// A token belongs in the fragment, which no server ever sees; the query is read for scenes that were set up with one.
const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? asked.get('token');
const socket = new RoomSocket({
  url: roomURL(channel!) + (token ? `?token=${encodeURIComponent(token)}` : ''),
  onEvents(events) {
    for (const event of events) {
      if (event.at) clock.exact(Date.parse(event.at));
      state.take(event);
    }
    draw();
    tellSales();
  },
  // Nobody stands at an overlay to press a button: it comes back even when told to stay away.
  onState: (now) => now === 'closed' && setTimeout(() => socket.restart(), 60_000),
});
socket.start();
void learnCurrencies();
setInterval(draw, 1000);
addEventListener('online', () => socket.restart());
