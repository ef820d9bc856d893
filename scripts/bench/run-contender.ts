/**
 * Runs one contender once, in a process of its own: `node run-contender.ts CASE CONTENDER SETTING`.
 * So no contender works on a heap, or with compiled code, that another one left behind. Sends the
 * sample to its parent.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { findCase } from './registry.ts';
import { statementLines, timeStatements } from './statement-times.ts';
import { onFirstStart } from './stopwatch.ts';

const [caseName = '', contenderName = '', text = '{}'] = process.argv.slice(2);
const { statements = false, profile, ...setting } = JSON.parse(text);
const contender = findCase(caseName).contenders.find((one) => one.name === contenderName);
if (!contender) throw new Error(`case ${caseName} has no contender ${contenderName}`);
const times = statements ? timeStatements() : undefined;
const finishProfile = profile === undefined ? undefined : startProfile(profile);
const sample = await contender.run(setting);
await finishProfile?.();
if (times) {
  console.log(`\n${caseName}, ${contenderName}\n total ms   runs   mean ms  statement`);
  console.log(statementLines(times()).join('\n'));
}
process.send?.(sample);
process.disconnect?.();

/** Profiles from where the clock starts, which leaves out the loading of modules and the warm-up. */
function startProfile(folder: string): () => Promise<void> {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: 500 });
  onFirstStart(() => session.post('Profiler.start'));
  return () =>
    new Promise((done, fail) => {
      session.post('Profiler.stop', (error, result) => {
        if (error) return fail(error);
        mkdirSync(folder, { recursive: true });
        writeFileSync(
          join(folder, `${caseName}-${contenderName}.cpuprofile`),
          JSON.stringify(result.profile),
        );
        done();
      });
    });
}
