/**
 * `npm run chaos`: injects faults and checks what Textyard promises in spite of them.
 *
 * Exits with 1 when a promise broke. The same seed draws the same moments and victims; what the
 * processes do between them is theirs.
 */
import { readArguments } from '../arguments.ts';
import { findScenario, SCENARIOS } from './registry.ts';
import { isKept, outcomeLines } from './scenario.ts';
import { runScenario } from './stage.ts';

const USAGE = `npm run chaos -- [scenario ...] [options]

Injects faults, and checks what Textyard promises in spite of them; exits with 1 when a promise broke.

  --list    the scenarios
  --seed N  draws other moments and victims (1)
  --short   the short forms, as npm test runs them`;

const { values: options, positionals } = readArguments(USAGE, {
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    short: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

if (options.list) {
  for (const { name, title } of SCENARIOS) console.log(`${name.padEnd(18)} ${title}`);
} else {
  const seed = Number(options.seed);
  if (!Number.isInteger(seed) || seed < 0)
    throw new Error(`--seed: expected a whole number from 0, got "${options.seed}"`);
  const scenarios = positionals.length > 0 ? positionals.map(findScenario) : SCENARIOS;
  let broken = 0;
  for (const scenario of scenarios) {
    const outcome = await runScenario(scenario, {
      seed,
      short: options.short,
      onProgress: (text) => process.stderr.write(`${scenario.name}: ${text}\n`),
    });
    console.log(outcomeLines(outcome).join('\n'));
    if (!isKept(outcome)) broken += 1;
  }
  console.log(broken === 0 ? 'every promise was kept' : `promises broke in ${broken} scenarios`);
  // Not process.exit(): what was printed must get out first.
  process.exitCode = broken === 0 ? 0 : 1;
}
