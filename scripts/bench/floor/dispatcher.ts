/** Does a piece of work again and again, several at a time, and rests while there is none. */
export class Dispatcher {
  readonly #work: () => Promise<number>;
  readonly #loops: Promise<void>[];
  #stopped = false;
  #waiting: (() => void)[] = [];
  #woken = 0;
  #done = 0;

  /** @param work does what there is and returns how much it was; 0 when there is nothing */
  constructor(concurrency: number, work: () => Promise<number>) {
    this.#work = work;
    this.#loops = Array.from({ length: concurrency }, () => this.#loop());
  }

  /** How much has been done. */
  get done(): number {
    return this.#done;
  }

  /** There is something to do. */
  wake(): void {
    this.#woken += 1;
    for (const rouse of this.#waiting.splice(0)) rouse();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.wake();
    await Promise.all(this.#loops);
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      const woken = this.#woken;
      const done = await this.#work();
      this.#done += done;
      if (done === 0 && woken === this.#woken && !this.#stopped) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
    }
  }
}
