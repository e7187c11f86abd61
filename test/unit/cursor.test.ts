import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BEFORE_LOWEST_IDS,
  BEFORE_NEWEST,
  BEFORE_OLDEST,
  decodeCursor,
  encodeCursor,
  toPage,
} from '../../src/repositories/cursor.js';

const id = '0198f3b2-0000-7000-8000-000000000001';
const instant = '2026-01-02T03:04:05.678Z';

describe('decodeCursor', () => {
  it('gives back what was encoded', () => {
    fc.assert(
      fc.property(
        fc.uuid(),
        fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        (uuid, date) => {
          const position = { key: date.toISOString(), id: uuid };
          const cursor = encodeCursor('chats.list', position);
          expect(decodeCursor('chats.list', cursor, BEFORE_NEWEST)._unsafeUnwrap()).toEqual(position);
        },
      ),
    );
  });

  it.each([BEFORE_NEWEST, BEFORE_OLDEST, BEFORE_LOWEST_IDS])('starts at %o without a cursor', (start) => {
    expect(decodeCursor('chats.list', undefined, start)._unsafeUnwrap()).toBe(start);
  });

  it('refuses the cursor of another list, and one by another kind of key', () => {
    const ofChats = encodeCursor('chats.list', { key: instant, id });
    const byIds = encodeCursor('chats.list', { key: id, id });
    expect(decodeCursor('messages.list', ofChats, BEFORE_NEWEST)._unsafeUnwrapErr()).toMatchObject({
      kind: 'invalid-input',
      operation: 'messages.list',
      issues: [{ path: 'cursor' }],
    });
    expect(decodeCursor('chats.list', byIds, BEFORE_NEWEST).isErr()).toBe(true);
    expect(decodeCursor('chats.list', ofChats, BEFORE_LOWEST_IDS).isErr()).toBe(true);
  });

  it('refuses any other text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(decodeCursor('chats.list', text, BEFORE_NEWEST).isErr()).toBe(true);
      }),
    );
  });

  it('refuses a cursor with one letter changed, left out or added', () => {
    const cursor = encodeCursor('chats.list', { key: instant, id });
    fc.assert(
      fc.property(fc.nat(cursor.length - 1), fc.constantFrom('!', ' ', '=', '\u0000', 'é'), (at, letter) => {
        const changed = [
          cursor.slice(0, at) + letter + cursor.slice(at + 1),
          cursor.slice(0, at) + letter + cursor.slice(at),
          cursor.slice(0, at),
        ];
        for (const text of changed) {
          expect(decodeCursor('chats.list', text, BEFORE_NEWEST).isErr(), text).toBe(true);
        }
      }),
    );
  });

  it.each([
    '-infinity',
    'infinity',
    '2026-02-30T00:00:00.000Z',
    '0000-01-01T00:00:00.000Z',
    '+010000-01-01T00:00:00.000Z',
    '-000001-01-01T00:00:00.000Z',
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00.000+00:00',
    '',
  ])('refuses the instant "%s"', (key) => {
    expect(decodeCursor('chats.list', encodeCursor('chats.list', { key, id }), BEFORE_NEWEST).isErr()).toBe(
      true,
    );
  });
});

describe('toPage', () => {
  const rows = [1, 2, 3].map((number) => ({ number }));
  const position = ({ number }: { number: number }) => ({ key: instant, id: `${number}` });

  it('leaves out the row beyond the limit, and points behind the last one', () => {
    expect(toPage('chats.list', rows, 2, position)).toEqual({
      items: rows.slice(0, 2),
      nextCursor: encodeCursor('chats.list', { key: instant, id: '2' }),
    });
  });

  it('has no next page where no row is beyond the limit', () => {
    expect(toPage('chats.list', rows, 3, position)).toEqual({ items: rows, nextCursor: null });
    expect(toPage('chats.list', [], 3, position)).toEqual({ items: [], nextCursor: null });
  });
});
