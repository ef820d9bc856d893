/** Calls that come while a commit is under way share the next one: group commit, by hand. */
export class Group<In> {
  readonly #commit: (inputs: In[]) => Promise<void>;
  readonly #most: number;
  readonly #concurrency: number;
  #waiting: { input: In; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #running = 0;

  constructor(commit: (inputs: In[]) => Promise<void>, most: number, concurrency: number) {
    this.#commit = commit;
    this.#most = most;
    this.#concurrency = concurrency;
  }

  submit(input: In): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ input, resolve, reject });
      if (this.#running < this.#concurrency) queueMicrotask(() => this.#next());
    });
  }

  #next(): void {
    while (this.#running < this.#concurrency && this.#waiting.length > 0) {
      const calls = this.#waiting.splice(0, this.#most);
      this.#running += 1;
      this.#commit(calls.map((call) => call.input))
        .then(
          () => {
            for (const call of calls) call.resolve();
          },
          (error) => {
            for (const call of calls) call.reject(error);
          },
        )
        .finally(() => {
          this.#running -= 1;
          this.#next();
        });
    }
  }
}
