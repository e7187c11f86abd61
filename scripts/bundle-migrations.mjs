// Writes migrations/*.sql into src/migrations/bundled-sql.ts, so that the runner still has its SQL after a
// service has been bundled into one file. With --check it only tells whether that file is up to date.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const source = new URL('../migrations/', import.meta.url);
const target = new URL('../src/migrations/bundled-sql.ts', import.meta.url);

const files = readdirSync(source)
  .filter((name) => name.endsWith('.sql'))
  .sort();
const entries = files.map((name) => {
  const text = readFileSync(new URL(name, source), 'utf8');
  const literal = text.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('${', '\\${');
  return `  [\n    '${name.slice(0, -'.sql'.length)}',\n    \`${literal}\`,\n  ],\n`;
});
const generated = `// Made by \`npm run migrations:bundle\` from migrations/*.sql; do not edit.
/** Id and text of every migration, in order. */
export const BUNDLED_SQL: readonly (readonly [id: string, text: string])[] = [
${entries.join('')}];
`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== generated) {
    console.error('src/migrations/bundled-sql.ts is not up to date: run npm run migrations:bundle');
    process.exit(1);
  }
} else {
  writeFileSync(target, generated);
}
