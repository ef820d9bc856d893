import { join } from 'node:path';
import type { Command } from 'commander';
import { type CommonOptions, withCommonOptions, withExamples } from './options.ts';
import { plural, print, printJson } from './terminal.ts';
import { exitOnSignals, tell } from './yard.ts';

/** `textyard migrate` */
export function define(command: Command): void {
  withExamples(
    withCommonOptions(command),
    'textyard migrate',
    'DATABASE_URL=postgresql://textyard:secret@db:5432/textyard textyard migrate',
    'textyard migrate --json',
  ).action((options: CommonOptions) => migrate(options));
}

async function migrate(options: CommonOptions): Promise<void> {
  const undo = exitOnSignals();
  const { loadSettings } = await import('../config/load.ts');
  const { migrateDatabase } = await import('../main.ts');
  const settings = await loadSettings({ configPath: options.config });
  let url = settings.databaseUrl;
  let release = async () => {};
  if (url === undefined) {
    const { acquireEmbeddedPostgres } = await import('../store/embedded-postgres.ts');
    const directory = join(settings.directory, '.textyard');
    const embedded = await acquireEmbeddedPostgres({ directory, onProgress: tell });
    url = embedded.url;
    release = embedded.release;
  }
  try {
    const applied = await migrateDatabase(url, (message) => {
      if (!message.startsWith('applied ')) tell(message);
    });
    if (options.json) printJson({ applied });
    else if (applied.length === 0) print('The schema is current; nothing to do.');
    else print([`Applied ${plural(applied.length, 'migration')}:`, ...applied].join('\n  '));
  } finally {
    await release();
    undo();
  }
}
