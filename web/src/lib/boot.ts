/** What the server wrote into the page: see `boot` in pages.go. */
export type Boot<T> = { view: string; id?: string; sandbox: boolean; data: T | null };

export function boot<T>(): Boot<T> {
  return JSON.parse(document.getElementById('boot')!.textContent!) as Boot<T>;
}
