import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  baseOfTemporary,
  coveringIndex,
  fieldOfDefinition,
  fullTextIndex,
  hnswIndex,
  kindOfName,
  metadataIndex,
  partialHnswIndex,
  temporaryNames,
  userOfName,
} from '../../../src/vector-index/index-definition.js';

const SHAPE = { m: 16, efConstruction: 64 };
const USER = '0190f5a0-0000-7000-8000-00000000000a';
const ALL = [
  coveringIndex,
  fullTextIndex,
  hnswIndex('vector', SHAPE),
  partialHnswIndex('halfvec', SHAPE, USER),
  metadataIndex('topic'),
];

describe('the names of indexes', () => {
  it('tell the kind, and of a temporary one what it belongs to', () => {
    for (const { name, kind } of ALL) {
      expect(kindOfName(name)).toBe(kind);
      expect(baseOfTemporary(name)).toBeNull();
      for (const temporary of [...Object.values(temporaryNames(name)), `${name}_ccnew`, `${name}_ccold12`]) {
        expect([kindOfName(temporary), baseOfTemporary(temporary)]).toEqual([null, name]);
      }
    }
  });

  it('fit into 63 bytes with what REINDEX CONCURRENTLY puts behind', () => {
    for (const { name } of ALL) expect(`${name}_ccnew99`.length).toBeLessThanOrEqual(63);
  });

  it('are not taken from other indexes of the table', () => {
    for (const name of [
      'idx_chat_vectors_message_id',
      'idx_chat_vectors_mine',
      'idx_chat_vectors_hnsw_mine',
      'chat_vectors_pkey',
    ]) {
      expect([kindOfName(name), baseOfTemporary(`${name}_new`)]).toEqual([null, null]);
    }
  });

  it('hold the user of a partial index', () => {
    expect(userOfName(partialHnswIndex('vector', SHAPE, USER).name)).toBe(USER);
    expect(userOfName(hnswIndex('vector', SHAPE).name)).toBeNull();
  });

  it('let the field be read back from the statement, and from nothing that has another name', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'binary' }), (field) => {
        const index = metadataIndex(field);
        const printed = index.statement(index.name).replace('"metadata"', 'metadata');
        expect(fieldOfDefinition(index.name, printed)).toBe(field);
        expect(fieldOfDefinition(metadataIndex(`${field}x`).name, printed)).toBeNull();
      }),
    );
  });
});
