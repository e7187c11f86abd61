const MAX_LENGTH = 2_000;
const MAX_KNOWN = 500;

/** Comments, strings of all kinds, quoted names, placeholders, names, and numbers; each is taken whole. */
const PIECES =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\1\$|$)|\b[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|(?:\b[uU]&|\b[bBxXnN])?'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\$\d+|[A-Za-z_][\w$]*|\d[\w.]*|\.\d\w*/g;

/**
 * Gives the text of a statement without values: `?` for each string and number that stands in it, also where it
 * is not finished. At most 2,000 characters.
 */
export function createStatementText(): (text: string) => string {
  // The store's own statements are few and come again; those of others may be many.
  const known = new Map<string, string>();
  return (text) => {
    let normalised = known.get(text);
    if (normalised === undefined) {
      normalised = withoutValues(text);
      if (known.size < MAX_KNOWN) known.set(text, normalised);
    }
    return normalised;
  };
}

function withoutValues(text: string): string {
  const plain = text.replace(PIECES, (piece) => {
    if (piece.startsWith('--') || piece.startsWith('/*')) return ' ';
    if (/^(?:"|\$\d|[A-Za-z_][\w$]*$)/.test(piece)) return piece;
    return '?';
  });
  return plain.replace(/\s+/g, ' ').trim().slice(0, MAX_LENGTH);
}
