/** The rows nearest to a query, by the cosine of every one. */
export interface Nearest {
  /** Places of the rows, best first; ties by place. */
  readonly places: readonly number[];
  readonly similarities: readonly number[];
}

export function exactNearest(
  query: Float32Array,
  rows: readonly Float32Array[],
  limit: number,
  isInScope: (place: number) => boolean = () => true,
): Nearest {
  const scored: { place: number; similarity: number }[] = [];
  rows.forEach((row, place) => {
    if (isInScope(place)) scored.push({ place, similarity: similarityOf(query, row) });
  });
  scored.sort((a, b) => b.similarity - a.similarity || a.place - b.place);
  const best = scored.slice(0, limit);
  return {
    places: best.map(({ place }) => place),
    similarities: best.map(({ similarity }) => similarity),
  };
}

/** The cosine. Not the product alone: half floats leave a vector's length 6e-5 off, and that would tell rows apart. */
export function similarityOf(a: Float32Array, b: Float32Array): number {
  let product = 0;
  let squaresOfA = 0;
  let squaresOfB = 0;
  for (let index = 0; index < a.length; index += 1) {
    const left = a[index] ?? 0;
    const right = b[index] ?? 0;
    product += left * right;
    squaresOfA += left * left;
    squaresOfB += right * right;
  }
  return product / Math.sqrt(squaresOfA * squaresOfB);
}

/** Two rows closer together than this are a tie: the server adds up in another order than we do. */
const TIE = 1e-5;

/**
 * The share of the exact answer that was found. A row counts where it is as near as the last row of the
 * exact answer, so that one of two equal rows is as good as the other; an empty answer is found by nothing.
 */
export function recallOf(found: readonly number[], { similarities }: Nearest): number {
  if (similarities.length === 0) return 1;
  const last = (similarities.at(-1) ?? 0) - TIE;
  const good = found.filter((similarity) => similarity >= last).length;
  return Math.min(1, good / similarities.length);
}
