import { seededRandom } from './seeded-random.js';

const FROM = 512;
const COPIES = 3;

/** One turn of the axes for each copy. */
const SIGNS = Array.from({ length: COPIES }, (_, copy) => {
  const random = seededRandom(1_536 + copy);
  return Float32Array.from({ length: FROM }, () => (random() < 0.5 ? -1 : 1));
});

/**
 * A vector of 512 dimensions as one of 1,536 whose cosines with others of its kind are exactly those of the
 * originals, and of which every number is used: [H(s1·x), H(s2·x), H(s3·x)] / √(3·512), H the Walsh-Hadamard
 * transform and s1–s3 fixed random signs. What it cannot give is information that was not there: its 1-bit
 * code carries three bits of each original dimension, more than a model's own 1,536 numbers would.
 */
export function liftedTo1536(vector: Float32Array): Float32Array {
  const lifted = new Float32Array(COPIES * FROM);
  SIGNS.forEach((signs, copy) => {
    const part = lifted.subarray(copy * FROM, (copy + 1) * FROM);
    for (let index = 0; index < FROM; index += 1) part[index] = (vector[index] ?? 0) * (signs[index] ?? 0);
    transform(part);
  });
  const scale = 1 / Math.sqrt(COPIES * FROM);
  for (let index = 0; index < lifted.length; index += 1) lifted[index] = (lifted[index] ?? 0) * scale;
  return lifted;
}

/** The Walsh-Hadamard transform in place, by butterflies. */
function transform(values: Float32Array): void {
  for (let half = 1; half < values.length; half *= 2) {
    for (let start = 0; start < values.length; start += 2 * half) {
      for (let index = start; index < start + half; index += 1) {
        const left = values[index] ?? 0;
        const right = values[index + half] ?? 0;
        values[index] = left + right;
        values[index + half] = left - right;
      }
    }
  }
}
