import { type ParseArgsConfig, parseArgs } from 'node:util';

/**
 * The command line of one of the scripts. `--help` prints its usage and ends with 0; what it does
 * not know ends with 2 and one line.
 */
export function readArguments<Config extends ParseArgsConfig>(usage: string, config: Config) {
  if (process.argv.slice(2).includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    console.error(`${(error as Error).message.split('\n')[0]} (--help lists the options)`);
    process.exit(2);
  }
}
