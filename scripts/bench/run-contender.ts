/**
 * Runs one contender once, in a process of its own: `node run-contender.ts CASE CONTENDER SETTING`.
 * So no contender works on a heap, or with compiled code, that another one left behind. Sends the
 * sample to its parent.
 */
import { findCase } from './registry.ts';
import { statementLines, timeStatements } from './statement-times.ts';

const [caseName = '', contenderName = '', text = '{}'] = process.argv.slice(2);
const { statements = false, ...setting } = JSON.parse(text);
const contender = findCase(caseName).contenders.find((one) => one.name === contenderName);
if (!contender) throw new Error(`case ${caseName} has no contender ${contenderName}`);
const times = statements ? timeStatements() : undefined;
const sample = await contender.run(setting);
if (times) {
  console.log(`\n${caseName}, ${contenderName}\n total ms   runs   mean ms  statement`);
  console.log(statementLines(times()).join('\n'));
}
process.send?.(sample);
process.disconnect?.();
