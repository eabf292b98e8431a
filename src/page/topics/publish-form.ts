import { element, setText } from '../dom.ts';
import { translate } from '../translations.ts';

export interface TestMessage {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

const MOST_CHARACTERS = 65_536;
const LEVELS = [0, 1, 2] as const;

/** A form for a message; `publish` resolves with what came of it. */
export function createPublishForm(publish: (message: TestMessage) => Promise<string>) {
  const topic = element('input', { id: 'publish-topic', autocomplete: 'off', spellcheck: 'false' });
  const payload = element('textarea', {
    ...{ id: 'publish-payload', rows: 3, maxlength: MOST_CHARACTERS, spellcheck: 'false' },
  });
  const options = LEVELS.map((level) => element('option', { value: level }, `QoS ${level}`));
  const qos = element('select', { 'aria-label': 'QoS' }, ...options);
  qos.value = '1';
  const retain = element('input', { id: 'publish-retain', type: 'checkbox' });
  const send = element('button', { type: 'submit', class: 'primary' }, translate('publish'));
  const result = element('p', { class: 'result', role: 'status' });
  const choices = element('div', { class: 'choices' }, qos, retain);
  choices.append(element('label', { for: 'publish-retain' }, translate('retain')), send);
  const form = element('form', { class: 'publish' });
  form.append(
    element('label', { for: 'publish-topic' }, translate('topic')),
    topic,
    element('label', { for: 'publish-payload' }, translate('payload')),
    payload,
    choices,
    result,
  );
  const node = element('details', { class: 'card' });
  node.append(element('summary', {}, translate('publishTest')), form);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const chosen = LEVELS.find((level) => String(level) === qos.value) ?? 0;
    setText(result, '');
    const message = {
      topic: topic.value,
      payload: payload.value,
      qos: chosen,
      retain: retain.checked,
    };
    setText(result, await publish(message));
  });
  return {
    node,
    fill(ofTopic: string, text: string): void {
      node.open = true;
      topic.value = ofTopic;
      payload.value = text.slice(0, MOST_CHARACTERS);
      setText(result, '');
      payload.focus();
    },
  };
}
