import { handBack } from '../harness/alone.js';
import { type KindName, kindOf } from './kinds.js';
import { measureOutage, type Outage } from './outages.js';

const [kind = '', fault = ''] = process.argv.slice(2);
handBack(await measureOutage(await kindOf(kind as KindName), fault as Outage['fault']));
