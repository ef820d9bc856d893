/**
 * Generates the Prisma client into src/store/generated. npm runs this as `prepare`, also on the
 * machine's own Node, so it uses nothing but Node's own modules.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function findPrismaCli(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve('prisma/package.json');
    const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { prisma: string } };
    const cli = join(dirname(manifest), bin.prisma);
    return existsSync(cli) ? cli : undefined;
  } catch {
    return undefined;
  }
}

const cli = findPrismaCli();
if (cli === undefined) {
  // A production install (`npm ci --omit=dev`) uses the client that was built into dist/.
  console.log('prisma is a devDependency and is not installed: the client is not generated.');
} else {
  const result = spawnSync(process.execPath, [cli, 'generate', '--no-hints'], {
    cwd: root,
    encoding: 'utf8',
    env: {
      ...process.env,
      // Generating never runs the schema engine, but Prisma downloads one unless this names a file.
      PRISMA_SCHEMA_ENGINE_BINARY: process.env.PRISMA_SCHEMA_ENGINE_BINARY ?? process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  });
  if (result.status !== 0) {
    console.error(result.stdout, result.stderr, result.error?.message ?? '');
    console.error('prisma generate failed; the reason is above.');
    process.exit(1);
  }
}
