/**
 * The oid of a relation of ours, or null, for a name given as an SQL expression. A bare `to_regclass` would
 * go on down the search path and find the table of another store in the same database.
 */
export const ownRelation = (name: string) => `to_regclass(format('%I.%I', current_schema(), ${name}))`;
