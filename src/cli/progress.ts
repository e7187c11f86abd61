import type { Output } from './command.js';

/** How far something moves between two lines where there is no terminal. */
const PERCENT_STEP = 10;
const BAR_CHARACTERS = 24;

/** Says how far a command is: on a terminal it rewrites its last line, elsewhere it writes few lines. */
export interface Progress {
  line(text: string): void;
  /** A line that takes the place of the one before; elsewhere once for each `key`. */
  rewrite(text: string, key: string): void;
  /** `percent`, 0–100; `null`: nobody knows. */
  bar(label: string, percent: number | null): void;
  /** Leaves the line that is being rewritten. */
  end(): void;
}

export function createProgress(stream: Output): Progress {
  let isRewriting = false;
  let lastShown = '';

  const end = () => {
    if (isRewriting) stream.write('\n');
    isRewriting = false;
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
    rewrite,
    line(text) {
      end();
      stream.write(`${text}\n`);
    },
    bar(label, percent) {
      if (percent === null) {
        rewrite(label, label);
        return;
      }
      const whole = Math.floor(percent);
      const bar = stream.isTTY ? ` ${drawn(percent)}` : '';
      rewrite(`${label}${bar} ${whole} %`, `${label} ${Math.floor(whole / PERCENT_STEP)}`);
    },
  };
}

function drawn(percent: number): string {
  const filled = Math.round((Math.min(100, Math.max(0, percent)) / 100) * BAR_CHARACTERS);
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_CHARACTERS - filled)}]`;
}
