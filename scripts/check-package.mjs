// Packs the package as npm would publish it and checks the tarball: nothing missing, nothing extra,
// entry points that resolve, with types, for every kind of importer. Needs a build; uses no network.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SHIPPED = /^(dist\/|migrations\/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/;
const REQUIRED = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'];
const run = (command, args) => execFileSync(command, args, { stdio: 'inherit' });

const directory = mkdtempSync(join(tmpdir(), 'macro-store-pack-'));
try {
  const output = execFileSync(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', directory],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const [{ filename, files, size }] = JSON.parse(output);
  const tarball = join(directory, filename);
  const paths = files.map((file) => file.path);
  console.log(`${filename}: ${paths.length} files, ${Math.round(size / 1024)} kB`);

  const problems = [
    ...paths.filter((path) => !SHIPPED.test(path)).map((path) => `should not be shipped: ${path}`),
    ...[...REQUIRED, ...entryFiles()]
      .filter((path) => !paths.includes(path))
      .map((path) => `is missing: ${path}`),
  ];
  if (problems.length > 0) throw new Error(`The tarball is wrong:\n  ${problems.join('\n  ')}`);

  run('publint', ['run', tarball, '--strict']);
  // node16: TypeScript's old "node10" resolution cannot see subpath exports at all.
  run('attw', [tarball, '--profile', 'node16', '--no-definitely-typed', '--no-emoji']);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** Every file that package.json promises. */
function entryFiles() {
  const { bin, exports } = JSON.parse(readFileSync('package.json', 'utf8'));
  const leaves = (value) => (typeof value === 'string' ? [value] : Object.values(value).flatMap(leaves));
  return [...new Set([...leaves(bin), ...leaves(exports)].map((path) => path.replace(/^\.\//, '')))];
}
