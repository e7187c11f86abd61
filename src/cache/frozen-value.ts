const MAX_DEPTH = 1_000;

/**
 * Freezes plain data in place, all the way down. `false`: it holds something that can be changed although it
 * is frozen, as a Map, a Date or bytes can, or is too deep to be walked; then part of it is frozen already.
 */
export function freezeDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return true;
  const prototype = Object.getPrototypeOf(value);
  if (depth === MAX_DEPTH) return false;
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return false;
  // Met before in this walk, or empty: a decoded value has no other frozen parts.
  if (Object.isFrozen(value)) return true;
  // Before its parts: one of them may be the value itself.
  Object.freeze(value);
  for (const key in value) {
    const part = (value as Record<string, unknown>)[key];
    if (typeof part === 'object' && !freezeDeep(part, depth + 1)) return false;
  }
  return true;
}

/** An equal value of plain data that may be changed. */
export function copyOfPlain(value: unknown, copies = new Map<object, object>()): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  const copy: object = Array.isArray(value)
    ? new Array(value.length)
    : Object.create(Object.getPrototypeOf(value));
  copies.set(value, copy);
  for (const key of Object.keys(value)) {
    (copy as Record<string, unknown>)[key] = copyOfPlain((value as Record<string, unknown>)[key], copies);
  }
  return copy;
}
