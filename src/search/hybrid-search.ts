import { err, ok, type Result } from 'neverthrow';
import { hybridStatement } from './hybrid-statement.js';
import { toHit } from './search-answer.js';
import type { CheckedSearch, CheckedText } from './search-input.js';
import type { SearchRunner } from './search-runner.js';
import { isHit } from './search-statement.js';
import type { HybridSearchResult, SearchError } from './vector-search.js';

/** Below this, reading all texts of a scope costs less than the full-text index, which knows everybody's. */
const FEW_TEXTS = 200;
/** The one language that has an index. */
const INDEXED_LANGUAGE = 'english';

export async function hybridSearch(
  runner: SearchRunner,
  search: CheckedSearch,
  text: CheckedText,
): Promise<Result<readonly HybridSearchResult[], SearchError>> {
  const found = await runner.run(search, {
    statement: (variant, scopeRows) => {
      const hasMany = scopeRows === null || scopeRows > FEW_TEXTS;
      return hybridStatement({
        ...variant,
        isTextIndexed: hasMany && text.language === INDEXED_LANGUAGE,
        isLiteral: text.isLiteral,
      });
    },
    params: (params) => ({ ...params, ...text }),
  });
  if (found.isErr()) return err(found.error);
  return ok(
    found.value.rows.filter(isHit).map((row) => ({
      ...toHit(row),
      score: row.score,
      vectorRank: row.vectorPlace,
      textRank: row.textPlace,
    })),
  );
}
