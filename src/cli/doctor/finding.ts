/**
 * - `error`: the store fails, loses or leaks something as things are.
 * - `warn`: it works, and will be slow, blind or surprised one day.
 * - `info`: worth knowing; may be meant so.
 */
export type Severity = 'ok' | 'info' | 'warn' | 'error';

/** What one check came to. */
export interface Finding {
  /** The same in every release, as `subject.matter`. */
  readonly id: string;
  readonly severity: Severity;
  readonly found: string;
  /** What to do; `null` where there is nothing. */
  readonly advice: string | null;
}

/** Looks at facts that were read before. */
export type Check<Facts> = (facts: Facts) => Finding;

export function ok(id: string, found: string): Finding {
  return { id, severity: 'ok', found, advice: null };
}

export function problem(
  id: string,
  severity: Exclude<Severity, 'ok'>,
  found: string,
  advice: string,
): Finding {
  return { id, severity, found, advice };
}
