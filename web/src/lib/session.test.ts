import { expect, test } from 'vitest';
import { Session } from './session';

test('a page of our own says nothing: its cookie does', () => {
  const s = new Session();
  s.keep('t1');
  expect([s.byToken, s.credentials, s.headers, s.address('ws://h/ws/tea'), s.link('/orders/1')]).toEqual([false, 'same-origin', {}, 'ws://h/ws/tea', '/orders/1']);
});

test('an embedded page never uses the cookie, and its token once there is one', () => {
  const s = new Session();
  s.carry();
  expect([s.byToken, s.credentials, s.headers, s.address('ws://h/ws/tea')]).toEqual([true, 'omit', {}, 'ws://h/ws/tea']);
  s.keep('a/b');
  expect(s.headers).toEqual({ Authorization: 'Bearer a/b' });
  expect(s.address('ws://h/ws/tea')).toBe('ws://h/ws/tea?token=a%2Fb');
  expect(s.link('/orders/1')).toBe('/orders/1#token=a%2Fb');
});
