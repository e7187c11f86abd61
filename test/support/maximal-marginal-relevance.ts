/**
 * Maximal marginal relevance by its definition, every comparison made anew: of the open items, the one with
 * the best (1 - λ) · relevance - λ · similarity to the picked one that is most like it; of equals, the first.
 */
export function pickDiverseByDefinition(
  relevance: readonly number[],
  similarity: (one: number, other: number) => number,
  count: number,
  diversity: number,
): number[] {
  const picked: number[] = [];
  while (picked.length < Math.min(count, relevance.length)) {
    const open = [...relevance.keys()].filter((item) => !picked.includes(item));
    const scores = open.map((item) => {
      const repetition =
        picked.length === 0 ? 0 : Math.max(...picked.map((other) => similarity(item, other)));
      return (1 - diversity) * (relevance[item] ?? 0) - diversity * repetition;
    });
    picked.push(open[scores.indexOf(Math.max(...scores))] ?? -1);
  }
  return picked;
}
