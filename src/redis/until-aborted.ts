import { err, errAsync, type Result, ResultAsync } from 'neverthrow';
import { aborted, type StoreError } from '../errors.js';

/**
 * Ends the wait for a call as its signal fires; a call whose signal has fired before is not made. What was sent goes
 * on: its answer is heard by nobody.
 */
export function untilAborted<T, E>(
  operation: string,
  signal: AbortSignal | undefined,
  call: () => ResultAsync<T, E>,
): ResultAsync<T, E | StoreError<'aborted'>> {
  if (signal === undefined) return call();
  if (signal.aborted) return errAsync(aborted(operation));
  const ended = new Promise<Result<T, E | StoreError<'aborted'>>>((resolve, reject) => {
    const giveUp = () => resolve(err(aborted(operation)));
    signal.addEventListener('abort', giveUp, { once: true });
    const stopListening = () => signal.removeEventListener('abort', giveUp);
    call().then(resolve, reject).then(stopListening, stopListening);
  });
  return new ResultAsync(ended);
}
