import type { AlarmAction } from './alarm-row.ts';
import { parseResult } from './command-result.ts';
import { type Gateway, randomId } from './gateway.ts';
import { reasonText } from './reasons.ts';
import { translate } from './translations.ts';

const ANSWER_TIMEOUT_MS = 5000;
/** An answer disappears after this time. */
const RESULT_MS = 8000;

/** What this page and its user do with alarms: acknowledge them, and see what came of it. */
export class AlarmActions {
  readonly #gateway: Gateway;
  /** Called when an action has changed. */
  readonly #changed: () => void;
  readonly #actions = new Map<string, AlarmAction>();

  constructor(gateway: Gateway, changed: () => void) {
    this.#gateway = gateway;
    this.#changed = changed;
  }

  of(topic: string): AlarmAction {
    let action = this.#actions.get(topic);
    if (!action) {
      action = { allowed: undefined, pending: undefined, result: '' };
      this.#actions.set(topic, action);
    }
    return action;
  }

  /** Sends the command; a user without the right is refused at once. */
  async acknowledge(topic: string): Promise<void> {
    const action = this.of(topic);
    if (action.allowed !== true) return this.#say(action, translate('mayNotAcknowledge'));
    const id = `page-${randomId()}`;
    action.pending = id;
    action.result = translate('sent');
    this.#changed();
    const { user } = this.#gateway;
    const noAnswer = (): void => this.#finish(topic, id, translate('noAnswerYet'));
    setTimeout(noAnswer, ANSWER_TIMEOUT_MS);
    const command = { acknowledge: true, ...(user === undefined ? {} : { by: user }), id };
    await this.#gateway.publish(`${topic}/set`, command).catch(noAnswer);
  }

  /** Takes the payload of the result of a command for this alarm. */
  receive(topic: string, payload: string): void {
    const { id, ok, reason = '' } = parseResult(payload);
    if (id === undefined) return;
    this.#finish(
      topic,
      id,
      ok ? translate('done') : translate('refused', { reason: reasonText(reason) }),
    );
  }

  /** Reads the rights for these alarms that are not known yet. */
  async readRights(topics: readonly string[]): Promise<void> {
    const unknown = topics.filter((topic) => this.of(topic).allowed === undefined);
    if (unknown.length === 0) return;
    const rights = await this.#gateway
      .rights(unknown.map((topic) => `${topic}/set`))
      .catch((): Record<string, boolean> => ({}));
    for (const topic of unknown) this.of(topic).allowed = rights[`${topic}/set`] === true;
    this.#changed();
  }

  /** Forgets the rights: another user may have others. */
  forgetRights(): void {
    for (const action of this.#actions.values()) action.allowed = undefined;
  }

  #finish(topic: string, id: string, result: string): void {
    const action = this.of(topic);
    if (action.pending !== id) return;
    action.pending = undefined;
    this.#say(action, result);
  }

  #say(action: AlarmAction, result: string): void {
    action.result = result;
    this.#changed();
    setTimeout(() => {
      if (action.result !== result) return;
      action.result = '';
      this.#changed();
    }, RESULT_MS);
  }
}
