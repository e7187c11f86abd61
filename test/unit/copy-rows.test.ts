import { describe, expect, it } from 'vitest';
import { type CopyRow, CopyRows } from '../../src/repositories/copy-rows.js';

const row: CopyRow = {
  id: '00112233-4455-6677-8899-aabbccddeeff',
  userId: '01010101-0101-0101-0101-010101010101',
  chatId: '02020202-0202-0202-0202-020202020202',
  messageId: null,
  content: 'né',
  metadata: '{}',
};
const floats = Float32Array.of(1, -2);
const HEADER = '5047434f50590aff0d0a00 00000000 00000000';
const TRAILER = 'ffff';
const IDS = `00000010 00112233445566778899aabbccddeeff
  00000010 01010101010101010101010101010101 00000010 02020202020202020202020202020202`;

const hex = (rows: CopyRows) => Buffer.concat(rows.pieces()).toString('hex');
const packed = (...parts: string[]) => parts.join('').replace(/\s/g, '');

describe('CopyRows', () => {
  it("writes COPY's binary form, without a position and with one, with a model and without", () => {
    const plain = new CopyRows(1_000, { column: 'vector', model: null }, false);
    plain.add(row, floats, 0);
    const text = 'ffffffff 00000003 6ec3a9 00000003 01 7b7d';
    const vector = '0000000c 0002 0000 3f800000 c0000000';
    expect(hex(plain)).toBe(packed(HEADER, '0008', IDS, text, vector, 'ffffffff', TRAILER));

    const staged = new CopyRows(1_000, { column: 'halfvec', model: 'né' }, true);
    staged.add({ ...row, messageId: row.chatId, metadata: null }, floats, 258);
    const message = '00000010 02020202020202020202020202020202 00000003 6ec3a9 ffffffff';
    const half = '00000008 0002 0000 3c00 c000 00000003 6ec3a9 00000004 00000102';
    expect(hex(staged)).toBe(packed(HEADER, '0009', IDS, message, half, TRAILER));
  });

  it('says when a row has no room behind the others, and is empty again when cleared', () => {
    const rows = new CopyRows(200, { column: 'vector', model: null }, false);
    expect(rows.add(row, floats, 0)).toBe(true);
    const one = hex(rows);
    expect(rows.add(row, floats, 1)).toBe(false);
    expect(hex(rows)).toBe(one);
    rows.clear();
    expect(hex(rows)).toBe(packed(HEADER, TRAILER));
    rows.add(row, floats, 0);
    expect(hex(rows)).toBe(one);
  });

  it('takes a row that is larger than its buffer by itself, and usual ones after it', () => {
    const rows = new CopyRows(200, { column: 'vector', model: null }, false);
    const large = { ...row, content: '😀'.repeat(100_000) };
    expect(rows.add(large, floats, 0)).toBe(true);
    expect(rows.add(row, floats, 1)).toBe(false);
    expect(Buffer.concat(rows.pieces()).includes(Buffer.from(large.content))).toBe(true);
    rows.clear();
    expect(rows.add(row, floats, 1)).toBe(true);
    expect(hex(rows).startsWith(packed(HEADER, '0008'))).toBe(true);
  });
});
