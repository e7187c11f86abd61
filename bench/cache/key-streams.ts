import { seededRandom } from '../../test/support/seeded-random.js';

/** Places 0 to below `count`, each as likely. */
export function uniform(count: number, seed: number): () => number {
  const random = seededRandom(seed);
  return () => Math.floor(random() * count);
}

/** Places 0 to below `count`: the n-th comes 1/n^exponent as often as the first. */
export function zipf(count: number, exponent: number, seed: number): () => number {
  const random = seededRandom(seed);
  const sums = new Float64Array(count);
  let sum = 0;
  for (let place = 0; place < count; place += 1) {
    sum += 1 / (place + 1) ** exponent;
    sums[place] = sum;
  }
  return () => {
    const at = random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
