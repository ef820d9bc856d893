import { TextyardError } from '../errors.ts';

export interface GroupCommitOptions {
  /** Calls that share a commit at the most. */
  readonly maxSize?: number;
  /** Commits under way at once. */
  readonly concurrency?: number;
  /** How many must wait before a second commit starts beside the first. */
  readonly worthwhile?: number;
}

interface Waiting<In, Out> {
  readonly input: In;
  readonly resolve: (output: Out) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets concurrent calls share a commit. A lone call starts at once and waits for nobody; those that
 * come while a commit is under way gather and go together in the next, which starts beside the first
 * when enough have gathered: many small commits would cost more than they hasten.
 *
 * When a group fails, its calls are tried one by one, so that one that the database refuses does
 * not take the others with it. Once one of them finds that the database is away, the rest are told
 * so too: five hundred time-outs in a row would keep their callers waiting for an hour.
 */
export class GroupCommit<In, Out> {
  readonly #run: (inputs: In[]) => Promise<Out[]>;
  readonly #maxSize: number;
  readonly #concurrency: number;
  readonly #worthwhile: number;
  #waiting: Waiting<In, Out>[] = [];
  #running = 0;

  /** @param run commits a group; gives one output per input, in the same order */
  constructor(run: (inputs: In[]) => Promise<Out[]>, options: GroupCommitOptions = {}) {
    this.#run = run;
    this.#maxSize = options.maxSize ?? 500;
    this.#concurrency = options.concurrency ?? 2;
    this.#worthwhile = options.worthwhile ?? 50;
  }

  submit(input: In): Promise<Out> {
    return new Promise<Out>((resolve, reject) => {
      this.#waiting.push({ input, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    while (
      this.#running < this.#concurrency &&
      this.#waiting.length >= (this.#running === 0 ? 1 : this.#worthwhile)
    ) {
      const group = this.#waiting.splice(0, this.#maxSize);
      this.#running += 1;
      this.#commit(group).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }

  async #commit(group: Waiting<In, Out>[]): Promise<void> {
    const failure = await this.#attempt(group);
    if (!failure) return;
    if (group.length === 1) {
      group[0]?.reject(failure.error);
      return;
    }
    let outage: { error: unknown } | undefined;
    for (const call of group) {
      const alone = outage ?? (await this.#attempt([call]));
      if (!alone) continue;
      call.reject(alone.error);
      if (isAway(alone.error)) outage = alone;
    }
  }

  async #attempt(group: Waiting<In, Out>[]): Promise<{ error: unknown } | undefined> {
    try {
      const outputs = await this.#run(group.map((call) => call.input));
      group.forEach((call, index) => {
        call.resolve(outputs[index] as Out);
      });
      return undefined;
    } catch (error) {
      return { error };
    }
  }
}

function isAway(error: unknown): boolean {
  return error instanceof TextyardError && error.kind === 'unavailable';
}
