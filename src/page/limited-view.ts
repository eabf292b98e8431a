import type { VisibleCell } from '../http/cell.ts';
import { element, setText } from './dom.ts';
import type { Gateway } from './gateway.ts';
import { number, translate } from './translations.ts';

/** Parts of the page that a user may not see as a whole: what they are called, and the topic that the right is for. */
const WHOLE = {
  troubles: ['troubles', '$SYS/cellgate/troubles'],
  uplinks: ['plant', '$SYS/cellgate/uplink/#'],
  store: ['store', '$SYS/cellgate/store'],
  shares: ['shares', '$SYS/cellgate/shares'],
} as const;

/**
 * The page for a user who may not read all of `$SYS/cellgate/#`: it asks for what this user may see, and says what it
 * leaves out.
 */
export function createLimitedView(
  gateway: Gateway,
  receive: (name: string, value: unknown) => void,
) {
  const note = () => element('p', { class: 'denied', role: 'note' });
  const notes = {
    ...{ sensors: note(), alarms: note(), outputs: note() },
    ...{ troubles: note(), uplinks: note(), store: note(), shares: note() },
  };
  let isLimited = false;
  let isShown = false;
  let isPolling = false;

  const show = ({ state, hidden, denied }: VisibleCell): void => {
    isShown = true;
    for (const [name, value] of Object.entries(state)) receive(name, value);
    for (const name of ['sensors', 'alarms', 'outputs'] as const) {
      const count = number(hidden[name]);
      setText(notes[name], hidden[name] > 0 ? translate('moreDenied', { count }) : '');
    }
    for (const name of ['troubles', 'uplinks', 'store', 'shares'] as const) {
      setText(notes[name], denied.includes(name) ? reasonOf(name) : '');
    }
  };
  const poll = async (): Promise<void> => {
    if (!isLimited || isPolling || document.hidden) return;
    isPolling = true;
    const visible = await gateway.cell().catch(() => undefined);
    isPolling = false;
    if (visible) show(visible);
    else setText(notes.troubles, reasonOf('troubles'));
  };
  return {
    notes,
    /** Whether what is shown is only what this user may see. */
    get isShown(): boolean {
      return isShown;
    },
    /** The broker has refused the state of the gateway as a whole. */
    limit(): void {
      isLimited = true;
      void poll();
    },
    /** Called every two seconds. */
    poll,
  };
}

function reasonOf(part: keyof typeof WHOLE): string {
  const [name, topic] = WHOLE[part];
  return `${translate(name)}: ${translate('needsRight', { topic })}`;
}
