import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const REJECTED = fileURLToPath(new URL('../types/rejected', import.meta.url));
const files = readdirSync(REJECTED).map((name) => `${REJECTED}/${name}`);

/** `TS2345 12`: an error's code and the line it is at. */
let found: Map<string, string[]>;

// One program for all of them: most of the time goes into the library's own types.
beforeAll(() => {
  const { config } = ts.readConfigFile(`${ROOT}/tsconfig.json`, ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  const program = ts.createProgram(files, options);
  found = new Map(
    files.map((file) => [
      file,
      ts
        .getPreEmitDiagnostics(program, program.getSourceFile(file))
        .map(({ code, file: source, start = 0 }) => {
          const line = source?.getLineAndCharacterOfPosition(start).line ?? -1;
          return `TS${code} ${line + 1}`;
        }),
    ]),
  );
}, 60_000);

describe('the types', () => {
  it.each(files.map((file) => [basename(file, '.ts'), file] as const))('reject %s', (_name, file) => {
    const lines = readFileSync(file, 'utf8').split('\n');
    const [, expected] = /^\/\/ expect: (TS\d+)$/.exec(lines[0] ?? '') ?? [];
    const marked = lines.findIndex((line) => line.endsWith('// here')) + 1;
    expect([expected, marked]).not.toContain(undefined);
    expect(found.get(file)).toEqual([`${expected} ${marked}`]);
  });
});
