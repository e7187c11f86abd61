import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { CommandDeadlines } from '../../../src/redis/command-deadlines.js';

const LENGTH_MS = 40;
const sent = () => ({ sentAtMs: performance.now() });

describe('CommandDeadlines', () => {
  it('ends what is over time, in order, and not what was ended before', async () => {
    const deadlines = new CommandDeadlines(LENGTH_MS);
    const late: string[] = [];
    const [first, second, third] = ['first', 'second', 'third'].map((name) =>
      deadlines.start(sent(), () => void late.push(name)),
    );
    expect(second && deadlines.end(second)).toBe(true);
    expect(second && deadlines.end(second)).toBe(false);
    await vi.waitFor(() => expect(late).toEqual(['first', 'third']));
    for (const wait of [first, third]) expect(wait && deadlines.end(wait)).toBe(false);
  });

  it('ends all at once, also from within the end of one', () => {
    const deadlines = new CommandDeadlines(60_000);
    const late: string[] = [];
    deadlines.start(sent(), () => {
      late.push('first');
      deadlines.endAll();
    });
    deadlines.start(sent(), () => void late.push('second'));
    deadlines.endAll();
    expect(late).toEqual(['first', 'second']);
  });

  it('gives each its whole time, also one that begins while others wait', async () => {
    const deadlines = new CommandDeadlines(LENGTH_MS);
    const ends: number[] = [];
    const startedAt: number[] = [];
    for (let wait = 0; wait < 5; wait += 1) {
      startedAt.push(performance.now());
      deadlines.start(sent(), () => void ends.push(performance.now()));
      await sleep(LENGTH_MS / 4);
    }
    await vi.waitFor(() => expect(ends).toHaveLength(5));
    ends.forEach((end, index) => {
      expect(end - (startedAt[index] ?? 0)).toBeGreaterThanOrEqual(LENGTH_MS);
    });
  });

  it('begins with the sending, and not before', async () => {
    const deadlines = new CommandDeadlines(LENGTH_MS);
    const batch = { sentAtMs: Number.POSITIVE_INFINITY };
    let isLate = false;
    deadlines.start(batch, () => {
      isLate = true;
    });
    await sleep(3 * LENGTH_MS);
    expect(isLate).toBe(false);
    batch.sentAtMs = performance.now();
    await vi.waitFor(() => expect(isLate).toBe(true));
  });

  it('keeps what is waiting apart from what is over, through many thousands', async () => {
    const deadlines = new CommandDeadlines(LENGTH_MS);
    let late = 0;
    for (let round = 0; round < 10_000; round += 1) {
      const wait = deadlines.start(sent(), () => {
        late += 1;
      });
      if (round % 100 !== 0) deadlines.end(wait);
    }
    await vi.waitFor(() => expect(late).toBe(100));
  });
});
