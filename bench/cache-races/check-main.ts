import type { KindName } from '../cache/kinds.js';
import { kindOf } from '../cache/kinds.js';
import { handBack } from '../harness/alone.js';
import { CHECKS } from './checks.js';
import { openGround } from './ground.js';

/** `finding`: what did not hold, `null` for nothing. */
export type CheckRun = { readonly finding: string | null } | 'has no such call';

const [kindName = '', checkName = ''] = process.argv.slice(2);
const check = CHECKS.find(({ name }) => name === checkName);
if (check === undefined) throw new Error(`no such check: ${checkName}`);

const ground = await openGround(await kindOf(kindName as KindName));
const { needs } = check;
const probe = needs === undefined ? null : await ground.open({ load: async () => null, hasTags: true });
const isMissing = needs !== undefined && probe?.[needs] === undefined;
const run: CheckRun = isMissing ? 'has no such call' : { finding: await check.run(ground) };
// What is thrown because its Redis is taken away at the end is not of the check.
process.on('uncaughtException', () => {});
await ground[Symbol.asyncDispose]();
handBack(run);
