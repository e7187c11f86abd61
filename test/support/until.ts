import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again and again until the answer is not `undefined`, `null` or `false`; fails after 30 s. */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) {
      return answer as Exclude<T, undefined | null | false>;
    }
    if (performance.now() > deadline) throw new Error(`waited 30 s in vain until ${what}`);
    await sleep(5);
  }
}
