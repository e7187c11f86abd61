import type { InputIssue } from '../errors.js';

/** The longest key, tag or name of a namespace, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024;

/** Why a key is refused, or `undefined` for a good one. */
export function keyIssue(key: unknown, path = 'key'): InputIssue | undefined {
  if (typeof key !== 'string' || key === '') return { path, message: 'must be a non-empty string' };
  if (Buffer.byteLength(key) > MAX_KEY_BYTES)
    return { path, message: `must be at most ${MAX_KEY_BYTES} bytes` };
  // Half a surrogate pair has no UTF-8: all of them become U+FFFD, so two keys would share one value.
  if (/\p{Surrogate}/u.test(key)) return { path, message: 'must be well-formed Unicode' };
  return undefined;
}

/** The path of a namespace: of each level its length and name, so that no two paths read the same. */
export type NamespacePath = string;

export const ROOT_PATH: NamespacePath = '';

export function childPath(parent: NamespacePath, name: string): NamespacePath {
  return `${parent}${name.length}:${name}`;
}

// No character above U+00FF: a name with one takes two bytes for each of the others, in every map and on the wire.
const NAMESPACE_MARK = '\u0001';

/**
 * The name of a key or tag among those of all namespaces; different ones have different names. A key of the root is
 * its own name, unless it begins as those of namespaces do: the most frequent calls build no string.
 */
export function nameOf(path: NamespacePath, key: string): string {
  return path === ROOT_PATH && !key.startsWith(NAMESPACE_MARK) ? key : `${NAMESPACE_MARK}${path}:${key}`;
}

/** A name as text without the mark; the path comes before the first colon that ends it, see {@link childPath}. */
export function toText(name: string): string {
  return name.startsWith(NAMESPACE_MARK) ? name.slice(1) : `:${name}`;
}

export function fromText(text: string): string {
  return text.startsWith(':') ? nameOf(ROOT_PATH, text.slice(1)) : `${NAMESPACE_MARK}${text}`;
}
