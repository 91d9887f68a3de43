import { expect, test } from 'vitest';
import { Seen } from './seen';

function reporter(answers: (boolean | Error)[]) {
  const sent: unknown[] = [];
  const seen = new Seen('tea', async (path, body) => {
    sent.push(body);
    const answer = answers.shift() ?? true;
    if (answer instanceof Error) throw answer;
    expect(path).toBe('/channels/tea/seen');
    return { counted: answer };
  });
  return { seen, sent };
}

test('a browser that was not known is told of twice, and each thing once after that', async () => {
  const { seen, sent } = reporter([false]);
  seen.card('a');
  await seen.flush();
  expect(sent).toEqual([{ seen: ['a'], opened: [] }, { seen: ['a'], opened: [] }]);
  seen.card('a');
  await seen.flush();
  expect(sent).toHaveLength(2);
  seen.opened('');
  seen.card('b');
  await seen.flush();
  expect(sent[2]).toEqual({ seen: ['b'], opened: [''] });
});

test('who sees no card watches all the same', async () => {
  const { seen, sent } = reporter([]);
  await seen.flush();
  await seen.flush();
  expect(sent).toEqual([{ seen: [], opened: [] }]);
});

test('what did not arrive is sent again, and a browser without cookies is left alone', async () => {
  const { seen, sent } = reporter([new Error('away'), true]);
  seen.card('a');
  await seen.flush();
  await seen.flush();
  expect(sent).toHaveLength(2);
  const none = reporter([false, false]);
  none.seen.card('a');
  await none.seen.flush();
  await none.seen.flush();
  expect(none.sent).toHaveLength(2);
});
