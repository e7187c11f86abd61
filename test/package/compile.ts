import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './doc-blocks.js';

/** What the compiler says to these files with the project's own settings: the file, and the problem. */
export function compileProblems(
  files: readonly string[],
): readonly (readonly [file: string, problem: string])[] {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(ROOT, 'tsconfig.json'),
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
        throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'));
      },
    },
  );
  const program = ts.createProgram([...files], config?.options ?? {});
  return files.flatMap((file) => {
    const source = program.getSourceFile(file);
    const problems = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return problems.map(
      ({ messageText }) => [file, ts.flattenDiagnosticMessageText(messageText, '\n')] as const,
    );
  });
}
