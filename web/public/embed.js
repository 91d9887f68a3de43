/**
 * <script type="module" src="https://shop.example/embed.js"></script>
 * <souk-live channel="tea"></souk-live>
 *
 * A channel inside another site's page: a frame that loads when it comes into view, never takes the focus, and whose
 * messages become events of the element: souk-ready, souk-live, souk-pin, souk-order, souk-ended.
 */
const home = new URL(import.meta.url).origin;
const told = new Set(['souk-ready', 'souk-live', 'souk-pin', 'souk-order', 'souk-ended']);

class SoukLive extends HTMLElement {
  static observedAttributes = ['channel', 'lang'];
  #frame = null;
  #hear = (event) => {
    if (event.origin !== home || event.source !== this.#frame?.contentWindow || !told.has(event.data?.type)) return;
    this.dispatchEvent(new CustomEvent(event.data.type, { detail: event.data.detail, bubbles: true, composed: true }));
  };

  connectedCallback() {
    addEventListener('message', this.#hear);
    const frame = document.createElement('iframe');
    frame.loading = 'lazy';
    frame.allow = 'autoplay; fullscreen; picture-in-picture; payment';
    frame.title = this.getAttribute('title') ?? 'souk live';
    frame.style.cssText = 'display:block;inline-size:100%;block-size:100%;border:0';
    if (!this.style.display) this.style.display = 'block';
    if (!this.style.blockSize && !this.style.height) this.style.blockSize = 'min(80vh, 844px)';
    this.#frame = frame;
    this.#show();
    this.append(frame);
  }

  disconnectedCallback() {
    removeEventListener('message', this.#hear);
    this.#frame?.remove();
    this.#frame = null;
  }

  attributeChangedCallback() {
    this.#show();
  }

  #show() {
    const channel = this.getAttribute('channel');
    if (!this.#frame || !channel) return;
    const to = new URL(`/embed/${encodeURIComponent(channel)}`, home);
    if (this.lang) to.searchParams.set('lang', this.lang);
    if (this.#frame.src !== to.href) this.#frame.src = to.href;
  }
}

if (!customElements.get('souk-live')) customElements.define('souk-live', SoukLive);
