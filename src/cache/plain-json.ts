// Deeper than this, or with more parts than this, a value may contain itself or one part many times over:
// those the other format can tell apart.
const MAX_DEPTH = 100;
const MAX_PARTS = 500_000;

/**
 * A frozen copy of a value that JSON gives back as it was: of objects, arrays, strings, booleans, null and ordinary
 * numbers only. `undefined`: it is another. One walk checks, copies and freezes, in less than JSON takes to parse.
 */
export function frozenPlainCopy(value: unknown): unknown {
  let partsLeft = MAX_PARTS;

  function copyOf(part: unknown, depth: number): unknown {
    partsLeft -= 1;
    switch (typeof part) {
      case 'string':
      case 'boolean':
        return part;
      case 'number':
        return Number.isFinite(part) && !Object.is(part, -0) ? part : undefined;
      case 'object':
        if (part === null) return part;
        if (depth === MAX_DEPTH || partsLeft < 0) return undefined;
        return Array.isArray(part) ? copyOfArray(part, depth) : copyOfObject(part, depth);
      default:
        return undefined;
    }
  }

  function copyOfArray(list: readonly unknown[], depth: number): unknown {
    // An array with holes or with fields of its own has other keys than these.
    if (Object.keys(list).length !== list.length) return undefined;
    const copies: unknown[] = [];
    for (let index = 0; index < list.length; index += 1) {
      const copy = copyOf(list[index], depth + 1);
      if (copy === undefined) return undefined;
      copies.push(copy);
    }
    return Object.freeze(copies);
  }

  function copyOfObject(object: object, depth: number): unknown {
    if (Object.getPrototypeOf(object) !== Object.prototype) return undefined;
    if (Object.getOwnPropertySymbols(object).length > 0) return undefined;
    const fields = object as Record<string, unknown>;
    const copies: Record<string, unknown> = {};
    for (const key of Object.keys(fields)) {
      // A field `toJSON` would be called.
      if (key === '__proto__' || key === 'toJSON') return undefined;
      const copy = copyOf(fields[key], depth + 1);
      if (copy === undefined) return undefined;
      copies[key] = copy;
    }
    return Object.freeze(copies);
  }

  return copyOf(value, 0);
}

/** Parses JSON; what is called `__proto__` is left out. Throws where it is not JSON. */
export function parseJson(text: string): unknown {
  // Searches for a fixed text, and not one regular expression: a tenth of the time.
  const mayNameProto = text.includes('__proto__') || text.includes('\\u005f') || text.includes('\\u005F');
  return mayNameProto ? JSON.parse(text, withoutProto) : JSON.parse(text);
}

function withoutProto(key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value;
}
