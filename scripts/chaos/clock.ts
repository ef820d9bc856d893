/** Sets this process's wall clock wrong, as a machine's can be; the monotonic clock stays right. */
const TrueDate = Date;
const trueNow = Date.now.bind(Date);
let shiftMs = 0;

/** What a parent tells a process whose clock is to jump. */
export interface ClockOrder {
  readonly clockShiftMs: number;
}

/** From now on this process believes it is so many milliseconds later than it is. */
export function setClock(clockShiftMs: number): void {
  shiftMs = clockShiftMs;
  globalThis.Date = ShiftedDate as DateConstructor;
}

const shiftedNow = () => trueNow() + shiftMs;

const ShiftedDate = new Proxy(TrueDate, {
  construct: (target, given, newTarget) =>
    Reflect.construct(target, given.length === 0 ? [shiftedNow()] : given, newTarget),
  apply: () => new TrueDate(shiftedNow()).toString(),
  get: (target, name, receiver) => (name === 'now' ? shiftedNow : Reflect.get(target, name, receiver)),
});
