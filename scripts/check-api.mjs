// Compares the public types of every entry point with the reports in api/, so that no change of the
// public API goes unseen. Needs a build. `--update` writes the reports instead.
import { mkdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

// Our own lines say what changed and what to run.
const QUIET = ['console-preamble', 'console-api-report-not-copied', 'console-api-report-created'];

const update = process.argv.includes('--update');
const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
const entries = Object.values(exports).flatMap((entry) => entry.import?.types ?? []);

mkdirSync('api', { recursive: true });
for (const types of entries) {
  const name = types.replace(/^.*\/|\.d\.ts$/g, '');
  const { succeeded, apiReportChanged } = Extractor.invoke(configFor(types, name), {
    localBuild: update,
    messageCallback(message) {
      if (QUIET.includes(message.messageId)) message.handled = true;
    },
  });
  const changed = update ? 'updated' : `differs from api/${name}.api.md`;
  console.log(`api: ${name} ${apiReportChanged ? changed : 'unchanged'}`);
  if (!succeeded || (apiReportChanged && !update)) process.exitCode = 1;
}
if (process.exitCode) {
  console.error('If the change is meant: npm run api:update, and add a line to CHANGELOG.md.');
}

function configFor(types, name) {
  const silent = { logLevel: 'none' };
  return ExtractorConfig.prepare({
    packageJsonFullPath: resolve('package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: resolve('.'),
      mainEntryPointFilePath: resolve(types),
      compiler: { tsconfigFilePath: resolve('tsconfig.json') },
      newlineKind: 'lf',
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: resolve('api'),
        reportTempFolder: resolve('temp'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: {
          default: silent,
          // A public type that names one nobody can import: shown in the report, for the reviewer.
          'ae-forgotten-export': { logLevel: 'warning', addToApiReportFile: true },
        },
        tsdocMessageReporting: { default: silent },
      },
    },
  });
}
