import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runAlarms } from '../../support/alarm-run.ts';

/** A value, a bad sample, an acknowledgement, a restart, a jump of the wall clock; a second after each. */
type Step = number | 'bad' | 'acknowledge' | 'restart' | 'jump';

interface Kind {
  /** As in the config. */
  readonly condition: Readonly<Record<string, unknown>>;
  readonly high?: number;
  readonly low?: number;
  readonly equal?: number;
  readonly isOfQuality?: true;
}

const KINDS: Readonly<Record<string, Kind>> = {
  above: { condition: { above: 70 }, high: 70 },
  below: { condition: { below: 69 }, low: 69 },
  outside: { condition: { outside: [67, 72] }, low: 67, high: 72 },
  equals: { condition: { equals: 70 }, equal: 70 },
  bad: { condition: { bad: true }, isOfQuality: true },
};

/** What the standard says, one second after the other. */
class Reference {
  active = false;
  acknowledged = true;
  isMet = false;
  readonly #config: {
    readonly delay: number;
    readonly hysteresis: number;
    readonly latching: boolean;
    readonly kind: Kind;
  };
  #isHigh = false;
  #isLow = false;
  #isTrue = false;
  #since: number | undefined;
  #isKnown = false;

  constructor(config: { delay: number; hysteresis: number; latching: boolean; kind: Kind }) {
    this.#config = config;
  }

  /** Whether the condition is true for this sample. */
  #isTrueFor(value: number | 'bad'): boolean {
    const { hysteresis, kind } = this.#config;
    if (kind.isOfQuality || value === 'bad') return value === 'bad';
    if (kind.equal !== undefined) return value === kind.equal;
    const { high = Infinity, low = -Infinity } = kind;
    this.#isHigh = value > (this.#isHigh ? high - hysteresis : high);
    this.#isLow = value < (this.#isLow ? low + hysteresis : low);
    return this.#isHigh || this.#isLow;
  }

  run(step: Step, second: number): void {
    const { latching, delay, kind } = this.#config;
    if (step === 'bad' && !kind.isOfQuality) this.#isKnown = false;
    if (step === 'acknowledge') {
      if (!this.acknowledged && !this.isMet) this.active = false;
      this.acknowledged = true;
    }
    if (step === 'restart') {
      this.#isKnown = false;
      this.#since = undefined;
      this.#isTrue = this.isMet;
      // Which limit it was is not kept.
      this.#isHigh = this.isMet;
      this.#isLow = this.isMet;
    }
    if (typeof step === 'number' || (step === 'bad' && kind.isOfQuality)) {
      this.#isKnown = true;
      this.#isTrue = this.#isTrueFor(step);
      if (!this.#isTrue) {
        this.#since = undefined;
        if (this.isMet) this.active = latching && !this.acknowledged;
        this.isMet = false;
      } else this.#since ??= second;
    }
    // By the end of this second, the delay may be over.
    const since = this.#isKnown && this.#isTrue ? this.#since : undefined;
    if (since === undefined || this.isMet || second + 1 - since < delay) return;
    Object.assign(this, { isMet: true, active: true, acknowledged: false });
  }

  get state(): string {
    if (this.active) return 'active';
    return this.acknowledged ? 'normal' : 'cleared';
  }
}

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 64, max: 75 }) },
    { weight: 2, arbitrary: fc.constant('bad' as const) },
    { weight: 2, arbitrary: fc.constant('acknowledge' as const) },
    { weight: 1, arbitrary: fc.constant('restart' as const) },
    { weight: 1, arbitrary: fc.constant('jump' as const) },
  ),
  { minLength: 1, maxLength: 40 },
);
const configs = fc.record({
  delay: fc.constantFrom(0, 1, 2, 3),
  hysteresis: fc.constantFrom(0, 2, 4),
  latching: fc.boolean(),
  kind: fc.constantFrom(...Object.values(KINDS)),
});

test('an alarm of each kind does what the reference says, for any values, quality, commands, restarts and clock jumps', async () => {
  await fc.assert(
    fc.asyncProperty(configs, steps, async (config, all) => {
      const { hysteresis, latching, kind } = config;
      const delay = `${config.delay * 1000}ms`;
      const alarms = [{ name: 'hot', ...kind.condition, hysteresis, latching, delay }];
      const reference = new Reference(config);
      let run = await runAlarms(alarms);
      const { clock } = run;
      for (const [second, step] of all.entries()) {
        if (step === 'restart') {
          await run.list.stop();
          run = await runAlarms(alarms, { clock, disk: run.disk });
        } else if (step === 'jump') clock.setWall(clock.wall() + (second % 2 === 0 ? 1e10 : -1e9));
        else if (step === 'acknowledge') run.send('hot', 'acknowledge');
        else if (step === 'bad') run.take(null, 'bad');
        else run.take(step);
        await clock.advance((second + 1) * 1000 - clock.monotonic());
        reference.run(step, second);
        const [status] = run.list.list();
        const { state, acknowledged } = reference;
        expect({ state: status?.state, acknowledged: status?.acknowledged }).toEqual({
          state,
          acknowledged,
        });
        // What is published is what the alarm is, and what is on disk is what is published.
        expect(run.published.at(-1)).toMatchObject({ state, acknowledged });
        expect(run.disk.get('boiler/hot')).toMatchObject({
          active: state === 'active',
          acknowledged,
        });
      }
      await run.list.stop();
      await clock.advance(10_000);
      expect(clock.sleeping).toBe(0);
    }),
    { numRuns: 250 },
  );
});
