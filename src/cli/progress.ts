import type { MigrationEvent } from '../migrations/index.js';
import type { Output } from './command.js';

/** How far an index build moves between two lines where there is no terminal. */
const PERCENT_STEP = 10;

export interface ProgressPrinter {
  print(event: MigrationEvent): void;
  /** Leaves the line that is being rewritten. */
  end(): void;
}

/** One line an event; on a terminal an index build and a wait rewrite theirs. */
export function createProgressPrinter(stream: Output): ProgressPrinter {
  let isRewriting = false;
  let lastShown = '';

  const end = () => {
    if (isRewriting) stream.write('\n');
    isRewriting = false;
  };
  const line = (text: string) => {
    end();
    stream.write(`${text}\n`);
  };
  const rewrite = (text: string, key: string) => {
    if (stream.isTTY) {
      stream.write(`\r\u001b[K${text}`);
      isRewriting = true;
    } else if (key !== lastShown) {
      stream.write(`${text}\n`);
    }
    lastShown = key;
  };

  return {
    end,
    print(event) {
      switch (event.type) {
        case 'lock-waiting': {
          const holder = event.holder === null ? '' : ` (held by pid ${event.holder.pid})`;
          const waited = `${Math.round(event.waitedMs / 1_000)} s`;
          return rewrite(`waiting for another runner, ${waited}${holder}`, `waiting${holder}`);
        }
        case 'adopted':
          return line(`taken over from drizzle's journal: ${event.migrationIds.join(', ')}`);
        case 'started':
          return line(`${event.migrationId} (${event.number} of ${event.total})`);
        case 'index-build': {
          const percent = event.percent === null ? '' : ` ${Math.floor(event.percent)} %`;
          const step = event.percent === null ? '' : Math.floor(event.percent / PERCENT_STEP);
          return rewrite(
            `  ${event.index}: ${event.phase}${percent}`,
            `${event.index} ${event.phase} ${step}`,
          );
        }
        case 'index-repaired':
          return line(`  ${event.index}: dropped an invalid one first`);
        case 'retrying':
          return line(`  a lock was not granted (${event.sqlState}), attempt ${event.attempt}`);
        case 'skipped':
          return line(`${event.migrationId} skipped`);
        case 'done':
          return line(`  done in ${event.durationMs} ms`);
        default:
          return;
      }
    },
  };
}
