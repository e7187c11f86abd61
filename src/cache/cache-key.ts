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

// The second half of a surrogate pair, with which no key may begin: no key of the root can be taken for one of
// a namespace. A key of the root is its own name: the most frequent calls build no string.
const NAMESPACE_MARK = '\udc00';

/** The name of a key or tag among those of all namespaces; different ones have different names. */
export function nameOf(path: NamespacePath, key: string): string {
  return path === ROOT_PATH ? key : `${NAMESPACE_MARK}${path}:${key}`;
}

/** Whether a string that was not checked yet could pass for a name inside a namespace. */
export function looksNamespaced(key: string): boolean {
  return key.startsWith(NAMESPACE_MARK);
}

/** A name as text that has UTF-8; the path comes before the first colon that ends it, see {@link childPath}. */
export function toText(name: string): string {
  return looksNamespaced(name) ? name.slice(1) : `:${name}`;
}

export function fromText(text: string): string {
  return text.startsWith(':') ? text.slice(1) : `${NAMESPACE_MARK}${text}`;
}
