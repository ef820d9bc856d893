import type { z } from 'zod';
import type { Backend } from './backend.ts';
import { createHttpBackend } from './http/http.ts';
import { createKannelBackend, kannelSettingsSchema } from './http/kannel.ts';
import { httpSettingsSchema } from './http/settings.ts';
import { createVumiBackend, vumiSettingsSchema } from './http/vumi.ts';
import { simulatorSettingsSchema } from './simulator/settings.ts';
import { Simulator } from './simulator/simulator.ts';

/** A kind of backend that a configuration can name in `type`. */
export interface BackendType<Schema extends z.ZodObject = z.ZodObject> {
  /** One line, shown by the CLI. */
  readonly description: string;
  /** Its own settings, beside those that every backend has. */
  readonly schema: Schema;
  /** @param settings parsed by `schema` */
  create(settings: z.output<Schema>, name: string): Backend;
}

function backendType<Schema extends z.ZodObject>(type: BackendType<Schema>): BackendType<Schema> {
  return type;
}

/** Every kind of backend there is, by the word that a configuration calls it. */
export const backendTypes = {
  simulator: backendType({
    description: 'A simulated operator; nothing leaves this process.',
    schema: simulatorSettingsSchema,
    create: (settings) => new Simulator(settings),
  }),
  http: backendType({
    description: 'Any gateway that takes texts over HTTP, described by templates.',
    schema: httpSettingsSchema,
    create: (settings) => createHttpBackend(settings),
  }),
  kannel: backendType({
    description: "Kannel's sendsms interface, and what imitates it.",
    schema: kannelSettingsSchema,
    create: (settings) => createKannelBackend(settings),
  }),
  vumi: backendType({
    description: 'A Junebug channel or the HTTP API of Vumi.',
    schema: vumiSettingsSchema,
    create: (settings) => createVumiBackend(settings),
  }),
} as const;

export type BackendTypeName = keyof typeof backendTypes;
