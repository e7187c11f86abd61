import { BUNDLED_SQL } from './bundled-sql.js';
import { parseMigration } from './migration.js';

/** The migrations of this release, in order. */
export const MIGRATIONS = BUNDLED_SQL.map(([id, text]) => parseMigration(id, text));
