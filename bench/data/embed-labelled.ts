import { writeFileSync } from 'node:fs';
import { loadModel } from '../../examples/demo/model.js';
import { encodeHalfFloats } from '../../test/support/half-floats.js';
import { readLines } from '../../test/support/sgd.js';
import { LABELLED_EMBEDDINGS, LABELLED_FILE, type LabelledLine } from '../../test/support/sgd-labelled.js';

// Embeds the labelled queries of sgd-sample/ with the model of the turns, so that tests need no model.

const embed = await loadModel();
const lines = readLines<LabelledLine>(LABELLED_FILE);
const embeddings = await embed(lines.map(([, text]) => text));
writeFileSync(
  LABELLED_EMBEDDINGS,
  encodeHalfFloats(
    embeddings.map((embedding) => {
      const length = Math.hypot(...embedding);
      return embedding.map((value) => value / length);
    }),
  ),
);
