/**
 * Watches the turns of the event loop until the returned function is called, which gives the longest in
 * milliseconds. Of each turn the lesser counts of time and processor time: a process that waits for a
 * processor blocks nothing, and the collector's other threads do not either.
 */
export function watchTurns(): () => number {
  let longest = 0;
  let isOver = false;
  let startedAt = performance.now();
  let cpuBefore = process.cpuUsage();
  const look = () => {
    const ms = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpuBefore);
    longest = Math.max(longest, Math.min(ms, (user + system) / 1_000));
    startedAt = performance.now();
    cpuBefore = process.cpuUsage();
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  return () => {
    isOver = true;
    return longest;
  };
}
