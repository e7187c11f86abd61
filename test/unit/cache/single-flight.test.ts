import { describe, expect, it } from 'vitest';
import { KeyFences } from '../../../src/cache/key-fences.js';
import { SingleFlight } from '../../../src/cache/single-flight.js';

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

describe('SingleFlight', () => {
  it('gives everyone who asks meanwhile the same work, and starts anew once it has landed', async () => {
    const flights = new SingleFlight<number>(new KeyFences());
    const work = deferred<number>();
    const first = flights.join('k', () => work.promise);
    const second = flights.join('k', async () => 2);
    work.resolve(1);
    expect([await first.landing, await second.landing]).toEqual([1, 1]);
    expect([first.isShared, second.isShared]).toEqual([false, true]);
    expect(await flights.join('k', async () => 3).landing).toBe(3);
  });

  it('does not share across a write, and the old work does not take the new one with it when it lands', async () => {
    const fences = new KeyFences();
    const flights = new SingleFlight<number>(fences);
    const [old, young] = [deferred<number>(), deferred<number>()];
    const before = flights.join('k', () => old.promise);
    fences.leave('k', fences.renew('k'));
    const after = flights.join('k', () => young.promise);

    old.resolve(1);
    await before.landing;
    const joined = flights.join('k', async () => 3);
    young.resolve(2);
    expect([await after.landing, await joined.landing]).toEqual([2, 2]);
  });

  it('holds no fence after the work has landed or failed', async () => {
    const fences = new KeyFences();
    const flights = new SingleFlight<number>(fences);
    await flights.join('k', async () => 1).landing;
    await flights.join('k', () => Promise.reject(new Error('no'))).landing.catch(() => undefined);
    expect(fences.size).toBe(0);
  });
});
