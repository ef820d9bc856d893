/**
 * Runs one contender once, in a process of its own: `node run-contender.ts CASE CONTENDER SETTING`.
 * So no contender works on a heap, or with compiled code, that another one left behind. Sends the
 * sample to its parent.
 */
import { findCase } from './registry.ts';

const [caseName = '', contenderName = '', setting = '{}'] = process.argv.slice(2);
const contender = findCase(caseName).contenders.find((one) => one.name === contenderName);
if (!contender) throw new Error(`case ${caseName} has no contender ${contenderName}`);
const sample = await contender.run(JSON.parse(setting));
process.send?.(sample);
process.disconnect?.();
