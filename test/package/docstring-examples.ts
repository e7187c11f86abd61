import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './doc-blocks.js';

/** One `@example` of a docstring. */
export interface DocstringExample {
  /** `src/cache/cache-service.ts:52`, where it begins. */
  readonly place: string;
  readonly code: string;
  /** It makes all that it uses, and needs no server. */
  readonly isWhole: boolean;
}

/** Those of all files of src, in their order. */
export function docstringExamples(): readonly DocstringExample[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .flatMap((path) => examplesOf(join('src', path)));
}

function examplesOf(path: string): readonly DocstringExample[] {
  const source = ts.createSourceFile(
    path,
    readFileSync(join(ROOT, path), 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const docs = new Set<ts.JSDoc>();
  const visit = (node: ts.Node): void => {
    for (const doc of ts.getJSDocCommentsAndTags(node)) if (ts.isJSDoc(doc)) docs.add(doc);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...docs].flatMap(({ tags }) =>
    (tags ?? [])
      .filter(({ tagName }) => tagName.text === 'example')
      .map(({ pos, comment }) => {
        const code = (ts.getTextOfJSDocComment(comment) ?? '').replace(/^```\w*\n?|```$/gm, '');
        const line = source.getLineAndCharacterOfPosition(pos).line + 1;
        return { place: `${path}:${line}`, code, isWhole: code.includes('= createMacroStore();') };
      }),
  );
}
