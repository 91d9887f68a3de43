import { afterEach, expect, test, vi } from 'vitest';
import { ApiError, NetworkError, call, get, post } from './api';

const answer = (status: number, body: string, headers: Record<string, string> = {}) => {
  const fetch = vi.fn(async (_url: string, _init: RequestInit) => new Response(body || null, { status, headers }));
  vi.stubGlobal('fetch', fetch);
  return fetch;
};

afterEach(() => vi.unstubAllGlobals());

test('sends JSON with the session cookie and reads JSON', async () => {
  const fetch = answer(200, '{"order":{"id":"o1"}}');
  expect(await post('/orders', { quantity: 1 }, { headers: { 'Idempotency-Key': 'k' } })).toEqual({ order: { id: 'o1' } });
  const [url, init] = fetch.mock.calls[0]!;
  expect(url).toBe('/api/v1/orders');
  expect(init).toMatchObject({ method: 'POST', body: '{"quantity":1}', credentials: 'same-origin', headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'k' } });
});

test('a picture goes as it is', async () => {
  const fetch = answer(201, '{"image":"/images/x"}');
  const file = new Blob(['x'], { type: 'image/webp' });
  await post('/channels/tea/images', file);
  expect(fetch.mock.calls[0]![1]).toMatchObject({ body: file, headers: { 'Content-Type': 'image/webp' } });
});

test('a refusal carries its word, its sentence and the rest', async () => {
  answer(409, '{"type":"about:blank","status":409,"code":"price_changed","detail":"The price has changed.","price":{"amount":5,"currency":"USD"}}');
  const err = (await call('POST', '/orders', {}).catch((e) => e)) as ApiError;
  expect(err).toBeInstanceOf(ApiError);
  expect(err).toMatchObject({ status: 409, code: 'price_changed', detail: 'The price has changed.', extra: { price: { amount: 5 } } });
});

test.each([
  ['{"code":"too_fast","retry_ms":1500}', {}, 1500],
  ['{"code":"too_fast"}', { 'Retry-After': '7' }, 7000],
  ['{"code":"too_fast"}', {}, 0],
])('the wait of %s', async (body, headers, ms) => {
  answer(429, body, headers as Record<string, string>);
  expect(((await get('/x').catch((e) => e)) as ApiError).retryMs).toBe(ms);
});

test('a page of some proxy is still a refusal', async () => {
  answer(502, '<html>Bad gateway</html>');
  expect(await get('/x').catch((e) => e)).toMatchObject({ status: 502, code: 'http_502' });
});

test('an empty answer is null', async () => {
  answer(204, '');
  expect(await call('DELETE', '/x')).toBeNull();
});

test('no answer is a NetworkError, also when it breaks off in the middle', async () => {
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('failed');
  });
  expect(await get('/x').catch((e) => e)).toBeInstanceOf(NetworkError);
  vi.stubGlobal('fetch', async () => ({ ok: true, status: 200, headers: new Headers(), text: () => Promise.reject(new TypeError('reset')) }));
  expect(await get('/x').catch((e) => e)).toBeInstanceOf(NetworkError);
});
