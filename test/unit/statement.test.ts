import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { bindStatement, compileStatement, parameter, perLimit } from '../../src/database/statement.js';
import { chats } from '../../src/schema/chats.js';

describe('compileStatement', () => {
  it('numbers placeholders in order, and sends one that is used twice once', () => {
    const statement = compileStatement<{ a: number; b: number }, object>(
      'x.y',
      sql`select ${parameter('b')}, ${parameter('a')}, ${parameter('b')}`,
    );
    expect(statement.text).toBe('select $1, $2, $1');
    expect(statement.parameterNames).toEqual(['b', 'a']);
  });

  it('keeps numbers of two digits apart', () => {
    const names = Array.from({ length: 12 }, (_, index) => `p${index + 1}`);
    const list = sql.join([...names, 'p1', 'p12'].map(parameter), sql`, `);
    const statement = compileStatement<Record<string, number>, object>('x.y', sql`select ${list}`);
    expect(statement.text).toBe('select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $1, $12');
    expect(statement.parameterNames).toEqual(names);
  });

  it('takes the operation from a name with a variant', () => {
    const statement = compileStatement('chats.list#21', sql`select title from ${chats}`);
    expect(statement).toMatchObject({
      operation: 'chats.list',
      name: 'chats.list#21',
      text: 'select title from "chats"',
    });
  });
});

describe('bindStatement', () => {
  it('gives the values in the order of the placeholders', () => {
    const statement = compileStatement<{ a: string; b: string | null }, object>(
      'x.y',
      sql`select ${parameter('b')}, ${parameter('a')}`,
    );
    expect(bindStatement(statement, { a: "'; drop table users", b: null })).toEqual({
      operation: 'x.y',
      name: 'x.y',
      text: 'select $1, $2',
      values: [null, "'; drop table users"],
    });
  });
});

describe('perLimit', () => {
  it('has one statement a limit, with the number in its text and its name', () => {
    const statement = perLimit<object, object>('x.y', (limit) => sql`select 1 limit ${limit}`);
    expect(statement(51)).toMatchObject({ name: 'x.y#51', operation: 'x.y', text: 'select 1 limit 51' });
    expect(statement(51)).toBe(statement(51));
    expect(statement(2).text).toBe('select 1 limit 2');
  });
});
