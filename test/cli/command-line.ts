/** The real command line as a process of its own, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ENTRY = join(import.meta.dirname, '..', '..', 'src', 'cli', 'textyard.ts');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Lines of standard error. */
  readonly errors: readonly string[];
}

export interface RunOptions {
  /** DATABASE_URL; without one the command must not need a database. */
  url?: string;
  folder?: string;
  env?: Record<string, string>;
  /** Standard input. */
  input?: string | Uint8Array;
}

/** Runs a command to its end. */
export async function textyard(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const running = new RunningCommand(args, options);
  running.child.stdin?.end(options.input ?? '');
  return running.ended;
}

/** A command under way: what it has said so far, and how it ends. */
export class RunningCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], { url, folder = tmpdir(), env = {} }: RunOptions) {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(TEXTYARD_|DATABASE_URL|NODE_OPTIONS|VITEST)/.test(name),
    );
    this.child = spawn(process.execPath, [ENTRY, ...args], {
      cwd: folder,
      env: { ...Object.fromEntries(inherited), DATABASE_URL: url ?? '', ...env },
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    this.child.stdin?.on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => {
        const errors = this.stderr.split('\n').filter((line) => line !== '');
        resolve({ code, stdout: this.stdout, stderr: this.stderr, errors });
      });
    });
  }

  /** Resolves when it has said this on either stream; rejects when it ends before. */
  says(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (pattern.test(this.stdout) || pattern.test(this.stderr)) resolve();
      };
      this.child.stdout?.on('data', look);
      this.child.stderr?.on('data', look);
      this.ended.then(() => reject(new Error(`ended without ${pattern}: ${this.stdout}${this.stderr}`)));
      look();
    });
  }
}

/** A folder with a config file in it; removed with `using`. */
export function workFolder(
  config?: object | string,
): Disposable & { path: string; file(name: string, content: string | Uint8Array): string } {
  const path = mkdtempSync(join(tmpdir(), 'textyard-cli-'));
  if (config !== undefined) {
    const text = typeof config === 'string' ? config : `export default ${JSON.stringify(config)};\n`;
    writeFileSync(join(path, 'textyard.config.mjs'), text);
  }
  return {
    path,
    file(name, content) {
      writeFileSync(join(path, name), content);
      return join(path, name);
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Two quiet backends; numbers without a country code are American. */
export const TWO_BACKENDS = {
  backends: {
    a: { type: 'simulator', defaultCountry: 'US' },
    b: { type: 'simulator', identities: 'any' },
  },
  apps: [],
  worker: { pollSeconds: 0.5 },
};
