import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { JoinedWrites } from '../../../src/redis/joined-writes.js';
import type { RedisClient } from '../../../src/redis/redis-client.js';

/** A connection that notes what it is given at once. */
function aConnection() {
  const writes: string[][] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      writes.push([chunk]);
      done();
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => String(chunk)));
      done();
    },
  });
  return { client: { isCluster: false, stream } as unknown as RedisClient, stream, writes };
}

describe('JoinedWrites', () => {
  it('sends in one write what is asked in one turn, also by callers that go on in it', async () => {
    const { client, stream, writes } = aConnection();
    const joined = new JoinedWrites();
    const send = (text: string) => {
      const batch = joined.hold(client);
      stream.write(text);
      return batch;
    };
    const callers = ['a', 'b', 'c'].map(async (name) => {
      await null;
      send(`${name}1`);
      await null;
      return send(`${name}2`);
    });
    const batches = await Promise.all(callers);
    expect(new Set(batches).size).toBe(1);
    expect(batches[0]?.sentAtMs).toBe(Number.POSITIVE_INFINITY);
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes).toEqual([['a1', 'b1', 'c1', 'a2', 'b2', 'c2']]);
    expect(batches[0]?.sentAtMs).toBeLessThanOrEqual(performance.now());

    const next = send('later');
    expect(next).not.toBe(batches[0]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes).toHaveLength(2);
  });

  it('sends what is much in several writes, the first of them at once', async () => {
    const { client, stream, writes } = aConnection();
    const joined = new JoinedWrites();
    const batches = Array.from({ length: 40 }, (_, index) => {
      const batch = joined.hold(client);
      stream.write(`${index}`);
      return batch;
    });
    expect(writes.map((texts) => texts.length)).toEqual([16, 16]);
    expect(batches.map(({ sentAtMs }) => Number.isFinite(sentAtMs)).filter(Boolean)).toHaveLength(32);
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes.flat()).toEqual(Array.from({ length: 40 }, (_, index) => `${index}`));
    expect(new Set(batches).size).toBe(3);
    expect(stream.writableCorked).toBe(0);
  });

  it('holds nothing back on a cluster, which has a connection for each server', async () => {
    const { stream, writes } = aConnection();
    const joined = new JoinedWrites();
    const batch = joined.hold({ isCluster: true } as RedisClient);
    stream.write('a');
    expect(writes).toEqual([['a']]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(batch.sentAtMs).toBeLessThanOrEqual(performance.now());
  });
});
