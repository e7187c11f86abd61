/**
 * Picks items one after the other: each time the one that is most relevant and least like those picked
 * before (maximal marginal relevance; Carbonell and Goldstein, SIGIR 1998).
 *
 * `diversity` is the weight of being different, 0–1: 0 keeps the order of relevance. Ties go to the earlier
 * item. Gives the picked positions in order.
 */
export function pickDiverse(
  relevance: readonly number[],
  similarity: (one: number, other: number) => number,
  count: number,
  diversity: number,
): number[] {
  const picked: number[] = [];
  const open = new Set(relevance.keys());
  /** For each open item, the similarity to the picked one that is most like it. */
  const closest = relevance.map(() => Number.NEGATIVE_INFINITY);
  while (picked.length < count && open.size > 0) {
    let best = -1;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (const item of open) {
      const repetition = picked.length === 0 ? 0 : (closest[item] ?? 0);
      const score = (1 - diversity) * (relevance[item] ?? 0) - diversity * repetition;
      if (best === -1 || score > bestScore) [best, bestScore] = [item, score];
    }
    picked.push(best);
    open.delete(best);
    for (const item of open) closest[item] = Math.max(closest[item] ?? 0, similarity(best, item));
  }
  return picked;
}

/** Reads the similarities of each two of `count` items: first with second, first with third, …, as `{0.5,0.25,…}`. */
export function pairSimilarities(text: string | null, count: number): (one: number, other: number) => number {
  const values = (text ?? '{}').slice(1, -1).split(',').map(Number);
  return (one, other) => {
    const [low, high] = one < other ? [one, other] : [other, one];
    // Before the row of `low` stand the rows of all below it, each shorter by one.
    return values[low * count - (low * (low + 1)) / 2 + (high - low - 1)] ?? 0;
  };
}
