import { createFacts, element, setText } from '../dom.ts';
import { number, translate } from '../translations.ts';
import { payloadText, visible } from './payload-text.ts';
import { isCut, type TopicEntry } from './topic-store.ts';
import { ageOf, sizeOf } from './topic-texts.ts';

const KINDS = { empty: 'emptyPayload', json: 'json', text: 'plainText', binary: 'binary' } as const;

export interface TopicDialogEvents {
  /** Asks, then deletes the retained message; resolves with what came of it, '' if the user did not want it. */
  clear(topic: string): Promise<string>;
  /** Puts the topic and the payload into the form. */
  reuse(topic: string, payload: string): void;
}

/** A dialog with the newest message of a topic, which changes while it is open. */
export function createTopicDialog(events: TopicDialogEvents) {
  const title = element('h2', { id: 'topic', class: 'dialog-title', lang: 'en' });
  const facts = createFacts([
    ['age', translate('age')],
    ['qos', 'QoS'],
    ['size', translate('size')],
    ['kind', translate('content')],
    ['retained', translate('retained')],
    ['count', translate('messages')],
  ]);
  const text = element('pre', { class: 'payload', lang: 'en', tabindex: 0 });
  text.setAttribute('aria-label', translate('payload'));
  text.setAttribute('role', 'group');
  const result = element('p', { class: 'result', role: 'status' });
  const clear = element('button', { type: 'button' }, translate('clearRetained'));
  const reuse = element('button', { type: 'button' }, translate('publishHere'));
  const close = element('button', { type: 'button', class: 'primary' }, translate('close'));
  const buttons = element('div', { class: 'buttons' }, clear, reuse, close);
  const dialog = element('dialog', { class: 'detail', 'aria-labelledby': 'topic' });
  dialog.append(title, facts.node, text, result, buttons);
  document.body.append(dialog);
  let shown: string | undefined;
  let entryShown: TopicEntry | undefined;
  let countShown = -1;
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    shown = undefined;
  });
  clear.addEventListener('click', async () => {
    if (shown !== undefined) setText(result, await events.clear(shown));
  });
  reuse.addEventListener('click', () => {
    const { kind = 'empty', text: payload = '' } = entryShown
      ? payloadText(entryShown.payload, isCut(entryShown))
      : {};
    const topic = shown ?? '';
    dialog.close();
    events.reuse(topic, kind === 'binary' ? '' : payload);
  });
  return {
    /** The topic that is shown; undefined while the dialog is closed. */
    get shown(): string | undefined {
      return shown;
    },
    open(topic: string): void {
      shown = topic;
      countShown = -1;
      setText(title, visible(topic));
      setText(result, '');
      dialog.showModal();
    },
    /** Without an entry there is no message any more. */
    show(entry: TopicEntry | undefined, now: number): void {
      clear.hidden = !entry?.isRetained;
      entryShown = entry;
      facts.set('age', entry ? ageOf(entry, now) : '–');
      facts.set('retained', translate(entry?.isRetained ? 'yes' : 'no'));
      if (countShown === (entry?.count ?? 0)) return;
      countShown = entry?.count ?? 0;
      facts.set('count', number(countShown));
      facts.set('qos', entry ? String(entry.qos) : '–');
      facts.set('size', entry ? sizeOf(entry) : '–');
      const payload = entry ? payloadText(entry.payload, isCut(entry)) : undefined;
      facts.set('kind', translate(KINDS[payload?.kind ?? 'empty']));
      setText(text, payload?.text ?? '');
    },
  };
}
