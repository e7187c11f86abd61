/** An index of the wanted name stands there, is valid, and is another one. */
export class IndexDiffersError extends Error {
  constructor(readonly index: string) {
    super(`an index "${index}" of another definition exists; drop or rename it`);
  }
}

/** The parts of a definition: unique or not, the table, and what is indexed. */
const DEFINITION =
  /^create (unique )?index (?:concurrently )?\S+ on (?:only )?(?:"?(\w+)"?|.*?\."?(\w+)"?) using (.*)$/i;

/**
 * Whether two definitions, one of them the server's print, make the same index whatever its name. Storage
 * parameters (`WITH`) are not compared: they are tuning, and an index with others serves the same queries.
 */
export function isSameIndex(one: string, other: string): boolean {
  return normalized(one) === normalized(other);
}

/** The same text for our statement and for the server's print of the index that it made. */
function normalized(definition: string): string {
  const oneLine = definition.replace(/\s+/g, ' ').trim();
  const [, unique = '', bare, qualified, rest = ''] = DEFINITION.exec(oneLine) ?? [];
  return `${unique}${bare ?? qualified} ${rest}`
    .toLowerCase()
    .replace(/["';]/g, '')
    .replace(/\s*([(),=])\s*/g, '$1')
    .replace(/ ?\bwith ?\([^)]*\)/, '')
    .replace(/\s+/g, ' ')
    .trim();
}
