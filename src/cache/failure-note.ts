import { isStoreError, type StoreError, storeError } from '../errors.js';

/** Why a load failed in another process, as far as it told: names and codes. */
class LoadFailedElsewhere extends Error {
  override readonly name = 'LoadFailedElsewhere';
  readonly code: string;

  constructor(code: string) {
    super('the load failed in another process');
    this.code = code;
  }
}

// The first character tells a note from the token of who loads.
const MARK = '!';
const SAFE_CODE = /^[A-Za-z0-9_.-]{1,64}$/;

/** What other processes are told of a failed load: a kind or a code, nothing that could be a value. */
export function failureNote(error: unknown): string {
  return MARK + ([codeOf(error), 'failed'].find((code) => SAFE_CODE.test(code)) ?? '');
}

export function isFailureNote(lease: string): boolean {
  return lease.startsWith(MARK);
}

/** The error of those who would have loaded had another process not just failed to. */
export function failedElsewhere(operation: string, note: string): StoreError<'loader-failed'> {
  const cause = new LoadFailedElsewhere(note.slice(MARK.length));
  return storeError('loader-failed', operation, 'the load failed in another process a moment ago', {}, cause);
}

function codeOf(error: unknown): string {
  const source = isStoreError(error) && error.kind === 'loader-failed' ? error.cause : error;
  if (typeof source !== 'object' || source === null) return '';
  const { kind, code, name } = source as Record<string, unknown>;
  return [kind, code, name].find((part) => typeof part === 'string') ?? '';
}
