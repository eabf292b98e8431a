import type { Series } from '../history/hour-history.ts';
import { type Chart, createChart } from './chart.ts';
import { element, setAttribute, setText } from './dom.ts';
import type { Gateway, Span } from './gateway.ts';
import { translate } from './translations.ts';

/** What is shown of one sensor. */
export interface Subject {
  readonly topic: string;
  readonly name: string;
  /** For what is on or off. */
  readonly steps: boolean;
  /** Its value at this moment, in words and as a number for the chart. */
  now(): {
    readonly text: string;
    readonly quality: string;
    readonly unit: string;
    readonly value: number | null;
  };
}

const HEIGHT = 260;
const SPANS: readonly Span[] = ['hour', 'day'];

/** A dialog with one sensor's chart in large: the last hour, and the last day where the gateway keeps it. */
export function createDetail(gateway: Gateway) {
  const title = element('h2', { id: 'detail', class: 'question', lang: 'en' });
  const value = element('p', { class: 'figure' });
  const quality = element('p', { class: 'quality' });
  const buttons = SPANS.map((span) => element('button', { type: 'button' }, translate(span)));
  const choice = element(
    'div',
    { class: 'choice', role: 'group', 'aria-label': translate('span') },
    ...buttons,
  );
  const place = element('div', { class: 'large' });
  const under = element('p', { class: 'under', 'aria-hidden': 'true' });
  const course = element('p', { class: 'age' });
  const hint = element('p', { class: 'age' }, translate('keepDay'));
  const close = element('button', { type: 'button', class: 'primary' }, translate('close'));
  const dialog = element(
    'dialog',
    { class: 'detail', 'aria-labelledby': 'detail' },
    element('div', { class: 'head' }, title, choice),
    element('div', { class: 'head' }, value, quality),
    place,
    under,
    course,
    hint,
    element('div', { class: 'buttons' }, close),
  );
  document.body.append(dialog);

  let subject: Subject | undefined;
  let chart: Chart | undefined;
  let span: Span = 'hour';
  const courses: Partial<Record<Span, Series>> = {};

  const describe = (): void => {
    const range = chart?.range;
    const unit = subject?.now().unit ?? '';
    const words = span === 'day' ? 'lastDay' : 'lastHour';
    const of = (text: string): string => `${text} ${unit}`.trim();
    const text = range && translate(words, { low: of(range.low), high: of(range.high) });
    setText(course, text ?? translate('noCourse'));
    place.hidden = range === undefined;
  };

  const choose = (chosen: Span): void => {
    span = chosen;
    buttons.forEach((button, index) => {
      setAttribute(button, 'aria-pressed', String(SPANS[index] === span));
    });
    setText(under, '');
    chart?.end();
    chart = undefined;
    if (!subject) return;
    const { steps, now } = subject;
    const read = (text: string): void => setText(under, text && `${text} ${now().unit}`);
    chart = createChart({ height: HEIGHT, axes: true, steps, read });
    place.replaceChildren(chart.node);
    place.hidden = false;
    const kept = courses[span];
    if (kept) chart.show(kept);
    describe();
  };

  const learn = async (): Promise<void> => {
    const asked = subject;
    if (!asked) return;
    const found = await Promise.all(
      SPANS.map((one) => gateway.courses([asked.topic], one).catch(() => undefined)),
    );
    if (subject !== asked) return;
    SPANS.forEach((one, index) => {
      const kept = found[index]?.[asked.topic];
      if (kept) courses[one] = kept;
      else delete courses[one];
    });
    choice.hidden = courses.day === undefined;
    hint.hidden = courses.day !== undefined || courses.hour === undefined;
    choose(courses.day ? span : 'hour');
  };

  const render = (): void => {
    if (!subject) return;
    const { text, quality: worth, unit } = subject.now();
    setText(value, `${text} ${unit}`.trim());
    setText(quality, translate(worth as 'good'));
    setAttribute(dialog, 'data-quality', worth);
  };

  buttons.forEach((button, index) => {
    button.addEventListener('click', () => choose(SPANS[index]!));
  });
  close.addEventListener('click', () => dialog.close());
  // Beside the dialog: only its backdrop has no child there.
  dialog.addEventListener('click', ({ target }) => {
    if (target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => {
    subject = undefined;
    chart?.end();
    chart = undefined;
  });

  return {
    open(one: Subject): void {
      subject = one;
      delete courses.hour;
      delete courses.day;
      setText(title, one.name);
      choice.hidden = true;
      hint.hidden = true;
      setText(course, '');
      span = 'hour';
      dialog.showModal();
      render();
      void learn();
    },
    /** Called a few times a second. */
    render,
    /** Called every few seconds. */
    advance(): void {
      if (!subject || !chart) return;
      chart.add(gateway.now(), subject.now().value);
      describe();
    },
    /** After a time without the gateway. */
    forget: learn,
  };
}
