/** Lets so many pieces of work run at a time; the others wait in line. */
export class LoadLimit {
  readonly #atATime: number;
  readonly #line: (() => void)[] = [];
  #running = 0;

  constructor(atATime: number) {
    this.#atATime = atATime;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atATime) await new Promise<void>((resolve) => this.#line.push(resolve));
    else this.#running += 1;
    try {
      return await work();
    } finally {
      // The place goes to the next in line, or is free.
      const next = this.#line.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
