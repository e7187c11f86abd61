/** Fires after so many breaches in a row, and recovers after as many good ones; a value that swings does neither. */
export class Alarm {
  #isFiring = false;
  #against = 0;

  constructor(private readonly inARow: number) {}

  get isFiring(): boolean {
    return this.#isFiring;
  }

  /** What changed with this value. `null`, no data, is neither good nor bad. */
  note(isBreached: boolean | null): 'fired' | 'recovered' | null {
    if (isBreached === null) return null;
    this.#against = isBreached === this.#isFiring ? 0 : this.#against + 1;
    if (this.#against < this.inARow) return null;
    this.#against = 0;
    this.#isFiring = isBreached;
    return isBreached ? 'fired' : 'recovered';
  }
}
