import { describe, expect, it } from 'vitest';
import { rateLimitHeaders } from '../../../src/rate-limits/rate-limit-headers.js';
import type { RateLimitOutcome } from '../../../src/rate-limits/rate-limiter.js';

const now = 1_800_000_000_000;

const chat: RateLimitOutcome = {
  outcome: 'allowed',
  allowed: true,
  decidedBy: 'redis',
  name: 'chat',
  limit: 60,
  windowSeconds: 60,
  remaining: 9,
  retryAfterMs: 0,
  resetAt: new Date(now + 1_001),
};

describe('rateLimitHeaders', () => {
  it('tells the policy and where the key stands, in whole seconds rounded up', () => {
    expect(rateLimitHeaders(chat, { now })).toEqual({
      'RateLimit-Policy': '"chat";q=60;w=60',
      RateLimit: '"chat";r=9;t=2',
    });
  });

  it('tells when to come back', () => {
    const limited = { ...chat, outcome: 'limited', allowed: false, remaining: 0, retryAfterMs: 1 } as const;
    expect(rateLimitHeaders(limited, { now })['Retry-After']).toBe('1');
  });

  it('lists several limits, and the longest wait of them', () => {
    const { outcome, allowed, decidedBy, ...standing } = chat;
    const daily = { ...standing, name: 'daily', limit: 500, windowSeconds: 86_400, remaining: 0 };
    const limited = { outcome: 'limited', allowed: false, decidedBy, retryAfterMs: 60_000 } as const;
    expect(rateLimitHeaders({ ...limited, limits: [standing, daily] }, { now })).toEqual({
      'RateLimit-Policy': '"chat";q=60;w=60, "daily";q=500;w=86400',
      RateLimit: '"chat";r=9;t=2, "daily";r=0;t=2',
      'Retry-After': '60',
    });
  });

  it('says nothing of counts that nobody knows', () => {
    const open = { ...chat, outcome: 'unavailable', decidedBy: 'policy' } as const;
    expect(rateLimitHeaders(open, { now })).toEqual({});
    const closed = { ...open, allowed: false, retryAfterMs: 1_000 };
    expect(rateLimitHeaders(closed, { now })).toEqual({ 'Retry-After': '1' });
  });

  it('never tells a time that is over', () => {
    expect(rateLimitHeaders(chat, { now: now + 60_000 }).RateLimit).toBe('"chat";r=9;t=0');
  });
});
