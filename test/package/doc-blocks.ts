import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** One fenced block of a document. */
export interface DocBlock {
  /** `README.md:12`, where it begins. */
  readonly place: string;
  readonly language: string;
  readonly code: string;
  /** From a comment right before it, `<!-- test: server -->`: it is run on servers, each time on an empty database. */
  readonly needsServer: boolean;
  /** What a `text` block right after a program says it prints. */
  readonly output: string | null;
}

/** Documents for the reader of the package, by path from the root. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  ...readdirSync(`${ROOT}/docs`)
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const FENCE = /(?:^<!-- test: (?<mark>\w+) -->\n)?^```(?<language>[^\n]*)\n(?<code>[\s\S]*?)^```$/gm;

export function readBlocks(document: string): readonly DocBlock[] {
  const text = readFileSync(`${ROOT}/${document}`, 'utf8');
  const fences = [...text.matchAll(FENCE)].map((match) => ({
    begin: match.index,
    end: match.index + match[0].length,
    mark: match.groups?.['mark'],
    language: match.groups?.['language'] ?? '',
    code: match.groups?.['code'] ?? '',
  }));
  return fences.map(({ begin, end, mark, language, code }, index) => {
    const place = `${document}:${text.slice(0, begin).split('\n').length}`;
    if (mark !== undefined && mark !== 'server') throw new Error(`${place}: unknown mark ${mark}`);
    const next = fences[index + 1];
    const isFollowed = next?.language === 'text' && text.slice(end, next.begin).trim() === '';
    return { place, language, code, needsServer: mark === 'server', output: isFollowed ? next.code : null };
  });
}
