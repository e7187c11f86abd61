import type { RedisClient } from '../redis/redis-client.js';
import { hashTagOf } from './redis-names.js';

/**
 * Runs a command for many names at once: of a single server with all of them, of a cluster with those of
 * each hash tag by themselves, since one script may only touch one slot.
 *
 * `run` gets places in `redisNames` and gives one answer for each. Answers that a server of a cluster did not
 * give are `undefined`; it rejects when none came.
 */
export function bySlot<T>(
  client: RedisClient,
  redisNames: readonly string[],
  run: (places: readonly number[]) => Promise<readonly T[]>,
): Promise<readonly (T | undefined)[]> {
  if (redisNames.length === 1) return run(FIRST);
  return client.isCluster ? ofEachSlot(redisNames, run) : run(redisNames.map((_, place) => place));
}

const FIRST: readonly number[] = [0];

async function ofEachSlot<T>(
  redisNames: readonly string[],
  run: (places: readonly number[]) => Promise<readonly T[]>,
): Promise<readonly (T | undefined)[]> {
  const groups = groupBySlot(redisNames);
  const answers = await Promise.allSettled(groups.map(run));
  const failure = answers.find((answer) => answer.status === 'rejected');
  if (failure !== undefined && answers.every((answer) => answer.status === 'rejected')) throw failure.reason;
  const all = new Array<T | undefined>(redisNames.length).fill(undefined);
  groups.forEach((places, group) => {
    const answer = answers[group];
    if (answer?.status !== 'fulfilled') return;
    places.forEach((place, index) => {
      all[place] = answer.value[index];
    });
  });
  return all;
}

function groupBySlot(redisNames: readonly string[]): number[][] {
  const groups = new Map<string, number[]>();
  redisNames.forEach((redisName, place) => {
    const tag = hashTagOf(redisName);
    const group = groups.get(tag);
    if (group === undefined) groups.set(tag, [place]);
    else group.push(place);
  });
  return [...groups.values()];
}
