import { err, ok, type Result } from 'neverthrow';
import { decode, encode } from '../cache/codec.js';
import { invalidInput, type StoreError } from '../errors.js';

/** What a session carries, between the caller and the text that is kept. */
export interface SessionDataCodec<Data> {
  encode(operation: string, data: unknown): Result<EncodedData<Data>, StoreError<'invalid-input'>>;
  /** `null`: unreadable, of another release, or refused by `parse`. */
  decode(payload: string): { readonly data: Data } | null;
}

export interface EncodedData<Data> {
  readonly data: Data;
  readonly payload: string;
}

export function createDataCodec<Data>(
  maxBytes: number,
  parse: (data: unknown) => Data,
): SessionDataCodec<Data> {
  return {
    encode(operation, given) {
      const refuse = (message: string, cause?: unknown) =>
        err(invalidInput(operation, [{ path: 'data', message }], cause));
      let data: Data;
      try {
        data = parse(given);
      } catch (cause) {
        return refuse('was refused by parse; see unredactedCauseOf', cause);
      }
      const encoding = encode(data);
      if (encoding.kind === 'refused') return refuse(encoding.reason, encoding.cause);
      if (encoding.bytes > maxBytes) return refuse(`must be at most ${maxBytes} bytes when encoded`);
      // What can be stored can be nested too deeply to be read.
      const copy = decode(encoding.payload);
      if (copy.kind !== 'decoded') return refuse('must not be nested this deeply');
      return ok({ data: copy.value as Data, payload: encoding.payload });
    },
    decode(payload) {
      const decoding = decode(payload);
      if (decoding.kind !== 'decoded') return null;
      try {
        return { data: parse(decoding.value) };
      } catch {
        return null;
      }
    },
  };
}
