import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkInput, id, limit } from '../../src/input.js';
import { metadata } from '../../src/repositories/input.js';

const issuesOf = (schema: z.ZodType, value: unknown) => {
  const result = checkInput('x.y', schema, value);
  return result.isErr() ? result.error.issues : [];
};

describe('checkInput', () => {
  const schema = z.strictObject({
    id,
    limit: limit(200, 50),
    list: z.array(z.strictObject({ id })).optional(),
  });

  it('gives the checked input, with defaults filled in and ids in lower case', () => {
    const given = { id: '0198F3B2-0000-7000-8000-00000000000A' };
    expect(checkInput('x.y', schema, given)._unsafeUnwrap()).toEqual({
      id: given.id.toLowerCase(),
      limit: 50,
    });
  });

  it('names every refused field by its path', () => {
    const issues = issuesOf(schema, { id: 5, limit: 0, list: [{ id: 'x' }], extra: 1, more: 2 });
    expect(issues.map(({ path }) => path).sort()).toEqual(['extra', 'id', 'limit', 'list.0.id', 'more']);
    expect(issuesOf(schema, null)).toMatchObject([{ path: 'input' }]);
  });

  it('repeats no value', () => {
    const issues = issuesOf(schema, { id: 'secret', limit: 'secret', list: 'secret' });
    expect(issues).toHaveLength(3);
    expect(JSON.stringify(issues)).not.toContain('secret');
  });
});

describe('metadata', () => {
  it.each([
    [{ a: 1 }, '{"a":1}'],
    [{ a: '\\u0000' }, '{"a":"\\\\u0000"}'],
    [{ a: '\\\\ud800' }, '{"a":"\\\\\\\\ud800"}'],
    [{ a: '😀' }, '{"a":"😀"}'],
    [{}, '{}'],
    [null, null],
    [undefined, null],
  ])('sends %o as %s', (value, text) => {
    expect(metadata.parse(value)).toBe(text);
  });

  it.each([
    [{ a: '\u0000' }],
    [{ a: '\\\u0000' }],
    [{ '\ud800': 1 }],
    [{ a: 'x\udfff' }],
    [new Date(0)],
    [[]],
    [{ toJSON: () => 'text' }],
    [{ a: 1n }],
  ])('refuses %o', (value) => {
    expect(metadata.safeParse(value).success).toBe(false);
  });
});
