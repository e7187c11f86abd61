import type { DedicatedConnection } from '../database/dedicated-connection.js';
import { type FoundIndex, type IndexCatalog, readCatalog } from './index-catalog.js';
import { baseOfTemporary, fieldOfDefinition, kindOfName, userOfName } from './index-definition.js';
import type { DropInput } from './index-input.js';
import type { IndexWork } from './index-session.js';
import { dropIndex } from './index-steps.js';
import type { DropIndexReport } from './vector-index-service.js';

/** The indexes of the kind that are there, those of a rebuild that was cut off among them. */
export function indexesToDrop(
  { kind, users, metadataFields }: DropInput,
  { indexes, leftovers }: IndexCatalog,
): readonly string[] {
  const isChosen = ({ definition }: FoundIndex, name: string) =>
    kindOfName(name) === kind &&
    (users?.includes(userOfName(name) ?? '') ?? true) &&
    (metadataFields?.includes(fieldOfDefinition(name, definition) ?? '') ?? true);
  return [...indexes, ...leftovers]
    .filter((index) => isChosen(index, baseOfTemporary(index.name) ?? index.name))
    .map(({ name }) => name);
}

/** The session holds the lock. */
export async function dropIndexes(
  connection: DedicatedConnection,
  input: DropInput,
  work: IndexWork,
): Promise<DropIndexReport> {
  const names = indexesToDrop(input, await readCatalog(connection, work.operation));
  for (const name of names) {
    await dropIndex(connection, name, work);
    work.onEvent({ type: 'dropped', index: name });
  }
  return { dropped: names };
}
