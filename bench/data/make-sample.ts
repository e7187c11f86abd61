import { writeFileSync } from 'node:fs';
import { encodeHalfFloats } from '../../test/support/half-floats.js';
import { seededRandom, shuffledBy } from '../../test/support/seeded-random.js';
import { readLines, readSgdWhole, SGD_SAMPLE, SGD_WHOLE } from '../../test/support/sgd.js';

// Draws the sample in sgd-sample/ from the whole set; the same sample with every run.

const DOCS = 2_400;
const QUERIES = 100;

const whole = readSgdWhole();
if (whole.source !== 'whole') throw new Error(`the whole set is not at ${SGD_WHOLE.pathname}`);
const random = seededRandom(20_260_101);

// Whole dialogues, so that a turn stays among the turns it belongs to; the last one is cut short.
const dialogues = shuffledBy(random, [...new Set(whole.docs.map(({ dialogue }) => dialogue))]);
const docs = dialogues
  .flatMap((dialogue) => whole.docs.filter((turn) => turn.dialogue === dialogue))
  .slice(0, DOCS);

const lines = readLines<unknown>(new URL('queries.jsonl', SGD_WHOLE));
const places = shuffledBy(random, [...lines.keys()]).slice(0, QUERIES);

write(
  'docs.jsonl',
  docs.map(({ dialogue, turn, role, text }) => [dialogue, turn, role, text]),
);
writeFileSync(new URL('docs.f16', SGD_SAMPLE), encodeHalfFloats(docs.map(({ embedding }) => embedding)));
write(
  'queries.jsonl',
  places.map((place) => lines[place]),
);
writeFileSync(
  new URL('queries.f16', SGD_SAMPLE),
  encodeHalfFloats(places.map((place) => whole.queries[place]?.embedding ?? [])),
);

function write(file: string, rows: readonly unknown[]): void {
  writeFileSync(new URL(file, SGD_SAMPLE), `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
}
