/**
 * How this page says who it is. souk's own pages do it by cookie. In another site's frame cookies are not ours to
 * use, and buying on the strength of one there would let that site press the button: a page that is embedded carries
 * a session of its own.
 */
class Session {
  private carried = false;
  private token = '';

  /** From now on by token: the one given, the one kept in this tab, or none yet. */
  carry(token?: string): void {
    this.carried = true;
    this.token = token ?? read();
    if (token) write(token);
  }

  /** A new session that the server made. */
  keep(token: string): void {
    if (!this.carried) return;
    this.token = token;
    write(token);
  }

  /** True in a frame of another site. */
  get byToken(): boolean {
    return this.carried;
  }

  get credentials(): RequestCredentials {
    return this.carried ? 'omit' : 'same-origin';
  }

  get headers(): Record<string, string> {
    return this.token ? { Authorization: `Bearer ${this.token}` } : {};
  }

  /** An address of the websocket that brings the session along. */
  address(url: string): string {
    return this.token ? `${url}?token=${encodeURIComponent(this.token)}` : url;
  }

  /** A link to another page of ours. The fragment never leaves the browser. */
  link(path: string): string {
    return this.token ? `${path}#token=${encodeURIComponent(this.token)}` : path;
  }
}

const place = 'souk-session';

// Browsers may refuse a frame every storage: the session then lasts as long as the page.
function read(): string {
  try {
    return sessionStorage.getItem(place) ?? '';
  } catch {
    return '';
  }
}

function write(token: string): void {
  try {
    sessionStorage.setItem(place, token);
  } catch {
    /* see above */
  }
}

export { Session };
export const session = new Session();

/** Takes a session out of the page's address, where an embedded page put it for this one. */
export function adopt(): void {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (!token) return;
  session.carry(token);
  history.replaceState(null, '', location.pathname + location.search);
}
