/**
 * Says where the processor time of a run went, from the profile that `--cpu-prof FOLDER` left:
 * `node scripts/bench/profile.ts FILE.cpuprofile [how many]`. Self time, by function and by part.
 */
import { readFileSync } from 'node:fs';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  readonly name: string;
  readonly ms: number;
  /** Of the time in which the processor was at work. */
  readonly share: number;
}

/** Self times, longest first: of the functions, and of the packages and folders that they are in. */
export function selfTimes(profile: Profile): { functions: SelfTime[]; parts: SelfTime[] } {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const functions = new Map<string, number>();
  const parts = new Map<string, number>();
  let busy = 0;
  profile.samples.forEach((id, index) => {
    const frame = nodes.get(id)?.callFrame;
    if (!frame || frame.functionName === '(idle)' || frame.functionName === '(program)') return;
    const ms = (profile.timeDeltas[index] ?? 0) / 1000;
    busy += ms;
    const part = partOf(frame.url);
    const name = `${frame.functionName || '(anonymous)'}  ${part}${frame.url === '' ? '' : `:${frame.lineNumber + 1}`}`;
    functions.set(name, (functions.get(name) ?? 0) + ms);
    const folder = part.startsWith('src/')
      ? part.split('/').slice(0, 2).join('/')
      : (part.split(' ')[0] ?? part);
    parts.set(folder, (parts.get(folder) ?? 0) + ms);
  });
  const sorted = (times: Map<string, number>) =>
    [...times].map(([name, ms]) => ({ name, ms, share: ms / busy })).sort((a, b) => b.ms - a.ms);
  return { functions: sorted(functions), parts: sorted(parts) };
}

/** `src/store/claim.ts`, `pg lib/query.js`, `node internal/…`, or `V8` for what has no source. */
function partOf(url: string): string {
  if (url === '') return 'V8';
  if (url.startsWith('node:')) return `node ${url.slice(5)}`;
  const installed = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)$/.exec(url);
  if (installed) return `${installed[1]} ${installed[2]}`;
  return /\/((?:src|scripts)\/.*)$/.exec(url)?.[1] ?? url;
}

if (import.meta.main) {
  const [file, most = '25'] = process.argv.slice(2);
  if (file === undefined)
    throw new Error('give a .cpuprofile file, as `npm run bench -- bulk --cpu-prof FOLDER` writes');
  const { functions, parts } = selfTimes(JSON.parse(readFileSync(file, 'utf8')));
  for (const [title, times] of [
    ['by part', parts],
    ['by function', functions],
  ] as const) {
    console.log(title);
    for (const { name, ms, share } of times.slice(0, Number(most))) {
      console.log(`${ms.toFixed(0).padStart(7)} ms ${(share * 100).toFixed(1).padStart(5)} %  ${name}`);
    }
  }
}
