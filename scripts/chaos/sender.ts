import { pino } from 'pino';
import { type App, type Config, openTextyard, type Textyard } from '../../src/index.ts';
import type { Stage } from './stage.ts';

/** Opens a yard in this process that sends and receives, and has no worker. */
export async function openSender(
  stage: Stage,
  url: string,
  backends: NonNullable<Config['backends']>,
  apps: App[] = [],
): Promise<Textyard> {
  const yard = await openTextyard({
    config: { databaseUrl: url, backends, apps },
    log: pino({ level: 'silent' }),
  });
  stage.onClose(() => yard.close());
  return yard;
}
