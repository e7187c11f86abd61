import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileProblems } from './compile.js';
import { ROOT } from './doc-blocks.js';
import { type DocstringExample, docstringExamples } from './docstring-examples.js';

// What the examples take for granted: a store, a user with a chat, and what an application has of its own.
const GIVEN = `
import type { MacroStore, RateLimitOutcome } from '@macro-ai/store';
import type * as statement from '${join(ROOT, 'src/database/statement.js')}';
import type * as schema from '@macro-ai/store/schema';
declare global {
  type RateLimit = import('@macro-ai/store').RateLimit;
  type MetadataFilter = import('@macro-ai/store').MetadataFilter;
  const store: MacroStore;
  const userId: string, chatId: string;
  const queryEmbedding: number[], embedding: number[], embeddings: number[][];
  const chunks: { text: string; embedding: number[] }[];
  const lines: AsyncIterable<string>;
  function embed(text: string): Promise<number[]>;
  const openai: { embeddings: { create(
    of: { model: string; input: string[] }, options: { signal: AbortSignal },
  ): Promise<{ data: { embedding: number[] }[] }> } };
  function tokensUsed(): Promise<number>;
  const outcome: RateLimitOutcome;
  const response: { setHeader(name: string, value: string): void };
  function tooManyRequests(retryAfterMs: number): void;
  const app: { use(middleware: unknown): void };
  const secret: string;
  const { compileStatement, parameter }: typeof statement;
  const sql: typeof import('drizzle-orm').sql;
  const chats: typeof schema.chats;
}
`;

const EXAMPLES = docstringExamples();
const WHOLE = EXAMPLES.filter(({ isWhole }) => isWhole);
// Inside the repository, so that packages are found; ignored by git.
const FOLDER = join(ROOT, 'temp', `docstrings-${process.pid}`);
const fileOf = ({ place }: DocstringExample) => join(FOLDER, `${place.replace(/[/:.]/g, '-')}.ts`);

beforeAll(async () => {
  await mkdir(FOLDER, { recursive: true });
  await writeFile(join(FOLDER, 'given.d.ts'), GIVEN);
  for (const example of EXAMPLES) await writeFile(fileOf(example), asModule(example));
});
afterAll(() => rm(FOLDER, { recursive: true, force: true }));

describe('the examples of docstrings', () => {
  test('compile as a user would write them', () => {
    const files = EXAMPLES.map(fileOf);
    expect(compileProblems([join(FOLDER, 'given.d.ts'), ...files])).toEqual([]);
    expect(files.length).toBeGreaterThan(30);
  });

  test('print what their comments say, where they make all that they use', { timeout: 120_000 }, async () => {
    const main = join(FOLDER, 'main.ts');
    await writeFile(main, `for (const file of ${JSON.stringify(WHOLE.map(fileOf))}) await import(file);\n`);
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', main], {
      cwd: ROOT,
      env: { ...process.env, TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json') },
    });
    const said = WHOLE.flatMap(({ code }) => [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)]);
    const printed = stdout.split('\n');
    for (const [, text = ''] of said) if (!text.includes('…')) expect(printed).toContain(text);
    expect(said.length).toBeGreaterThan(5);
  });
});

/** Examples without imports are statements of some function of the application. */
function asModule({ code }: DocstringExample): string {
  const isModule = /^import /m.test(code);
  return isModule ? code : `export async function example() {\n${code}\n}\n`;
}
