/** Says where a long run is. */
export function say(what: string): void {
  console.log(`${Math.round((performance.now() - started) / 1_000)} s: ${what}`);
}

const started = performance.now();
