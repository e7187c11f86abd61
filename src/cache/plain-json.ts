// Deeper than this, or with more parts than this, a value may contain itself or one part many times over:
// those the other format can tell apart.
const MAX_DEPTH = 100;
const MAX_PARTS = 500_000;

/** Whether JSON gives a value back as it was: only objects, arrays, strings, booleans, null and ordinary numbers. */
export function isPlainJson(value: unknown): boolean {
  let partsLeft = MAX_PARTS;

  function isPlain(part: unknown, depth: number): boolean {
    partsLeft -= 1;
    switch (typeof part) {
      case 'string':
      case 'boolean':
        return true;
      case 'number':
        return Number.isFinite(part) && !Object.is(part, -0);
      case 'object':
        if (part === null) return true;
        if (depth === MAX_DEPTH || partsLeft < 0) return false;
        return Array.isArray(part) ? isPlainArray(part, depth) : isPlainObject(part, depth);
      default:
        return false;
    }
  }

  function isPlainArray(list: readonly unknown[], depth: number): boolean {
    // An array with holes or with fields of its own has other keys than these.
    if (Object.keys(list).length !== list.length) return false;
    for (let index = 0; index < list.length; index += 1) {
      if (!isPlain(list[index], depth + 1)) return false;
    }
    return true;
  }

  function isPlainObject(object: object, depth: number): boolean {
    if (Object.getPrototypeOf(object) !== Object.prototype) return false;
    if (Object.getOwnPropertySymbols(object).length > 0) return false;
    const fields = object as Record<string, unknown>;
    for (const key of Object.keys(fields)) {
      // A field `toJSON` would be called.
      if (key === '__proto__' || key === 'toJSON') return false;
      if (!isPlain(fields[key], depth + 1)) return false;
    }
    return true;
  }

  return isPlain(value, 0);
}

/** Parses JSON; what is called `__proto__` is left out. Throws where it is not JSON. */
export function parseJson(text: string): unknown {
  return MAY_NAME_PROTO.test(text) ? JSON.parse(text, withoutProto) : JSON.parse(text);
}

const MAY_NAME_PROTO = /__proto__|\\u005[fF]/;

function withoutProto(key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value;
}
