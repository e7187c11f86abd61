import { parse, stringify } from 'devalue';
import { frozenPlainCopy, parseJson } from './plain-json.js';

/** The largest value, in bytes of its encoding before it is compressed. */
export const MAX_PAYLOAD_BYTES = 1024 * 1024;

// The first character of every payload. A new format takes a new one; releases that do not know it see a miss.
// JSON is several times faster, and is used for whatever it gives back unchanged.
const JSON_FORMAT = 'j';
const RICH_FORMAT = 'd';

export type Encoding =
  | {
      readonly kind: 'encoded';
      readonly payload: string;
      readonly bytes: number;
      /** What {@link decode} would make of it, frozen; `undefined` for what cannot be frozen. */
      readonly frozen: unknown;
    }
  | { readonly kind: 'refused'; readonly reason: string; readonly cause?: unknown };

export type Decoding =
  | { readonly kind: 'decoded'; readonly value: unknown }
  | { readonly kind: 'other-format' }
  | { readonly kind: 'corrupt' };

/** Encodes a value. One over {@link MAX_PAYLOAD_BYTES} is encoded too: whether it may be kept is the caller's question. */
export function encode(value: unknown): Encoding {
  if (value === undefined)
    return { kind: 'refused', reason: 'must not be undefined; use null for "nothing there"' };
  try {
    const frozen = frozenPlainCopy(value);
    const payload =
      frozen === undefined
        ? RICH_FORMAT + stringify(value, undefined, { operations: { viewInfo: visibleBytes } })
        : JSON_FORMAT + JSON.stringify(frozen);
    return { kind: 'encoded', payload, bytes: Buffer.byteLength(payload), frozen };
  } catch (cause) {
    // devalue names the path and a getter's error may say anything: both can hold values, so neither is repeated.
    const reason = 'must be plain data: no functions, symbols, promises, class instances or __proto__ keys';
    return { kind: 'refused', reason, cause };
  }
}

/** Makes a new value from a payload; never throws. */
export function decode(payload: string): Decoding {
  const format = payload.charAt(0);
  if (format !== JSON_FORMAT && format !== RICH_FORMAT)
    return { kind: format === '' ? 'corrupt' : 'other-format' };
  try {
    const body = payload.slice(1);
    const value: unknown = format === JSON_FORMAT ? parseJson(body) : parse(body);
    return value === undefined ? { kind: 'corrupt' } : { kind: 'decoded', value };
  } catch {
    return { kind: 'corrupt' };
  }
}

// devalue would store the whole buffer behind a view. Behind a small view on a pooled buffer that is
// other people's bytes, and behind a slice of a large file it is the file.
function visibleBytes(view: ArrayBufferView) {
  const buffer = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  const { byteLength } = buffer;
  return { buffer, byteOffset: 0, byteLength, length: byteLength, bufferByteLength: byteLength };
}
