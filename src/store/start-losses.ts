import type { StateStore } from '../base/state.ts';
import {
  asLoss,
  asUnfit,
  describeLoss,
  describeUnfit,
  LOSS_KEY,
  LOSS_OWNER,
  UNFIT_KEY,
  type Unfit,
} from './recovery/loss.ts';

/** What starts have lost, or set aside, and no operator has acknowledged: a sentence each. */
export class StartLosses {
  readonly #state: StateStore;

  constructor(state: StateStore) {
    this.#state = state;
  }

  get sentences(): readonly string[] {
    const values = this.#state.of(LOSS_OWNER);
    const [loss, unfit] = [asLoss(values.get(LOSS_KEY)), asUnfit(values.get(UNFIT_KEY))];
    return [loss ? describeLoss(loss) : [], unfit ? describeUnfit(unfit) : []].flat();
  }

  /** Messages that are known to be lost. */
  get messages(): number {
    return asLoss(this.#state.of(LOSS_OWNER).get(LOSS_KEY))?.messages ?? 0;
  }

  /** Rows were set aside while the gateway runs: the sum with those that are not acknowledged yet. */
  setUnfit(unfit: Unfit): void {
    this.#state.of(LOSS_OWNER).set(UNFIT_KEY, unfit);
  }

  /** There are none from now on. */
  acknowledge(): void {
    const values = this.#state.of(LOSS_OWNER);
    for (const key of [LOSS_KEY, UNFIT_KEY]) if (values.get(key)) values.set(key, null);
  }
}
