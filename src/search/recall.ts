/**
 * The share of the true nearest that were found, 0–1; 1 where there are none. By distance and not by id: of
 * several that are equally far, any is as good.
 */
export function recallOf(found: readonly number[], nearest: readonly number[]): number {
  if (nearest.length === 0) return 1;
  const farthest = Math.max(...nearest);
  const hits = found.filter((distance) => distance <= farthest).length;
  return Math.min(1, hits / nearest.length);
}
