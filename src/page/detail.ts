import type { Series } from '../history/hour-history.ts';
import { type Chart, createChart } from './chart.ts';
import { createDetailDialog, type DetailDialog, SPANS } from './detail-dialog.ts';
import { setAttribute, setText } from './dom.ts';
import type { Gateway, Span } from './gateway.ts';
import { translate } from './translations.ts';

/** One value of one sensor, to be shown in large. */
export interface Subject {
  readonly topic: string;
  readonly name: string;
  /** For a value that is on or off. */
  readonly steps: boolean;
  /** Its value at this moment, as text and as a number for the chart. */
  now(): {
    readonly text: string;
    readonly quality: string;
    readonly unit: string;
    readonly value: number | null;
  };
}

const HEIGHT = 260;
/** What the lowest and the highest value are of. */
const RANGE = {
  hour: 'lastHour',
  day: 'lastDay',
  week: 'lastWeek',
  month: 'lastMonth',
  quarter: 'lastQuarter',
} as const;

/** A dialog with one sensor's large chart: the last hour, and each longer time that the gateway keeps. */
export class Detail {
  readonly #gateway: Gateway;
  readonly #parts: DetailDialog = createDetailDialog();
  /** What the gateway has kept of the sensor. */
  #histories: Partial<Record<Span, Series>> = {};
  #subject: Subject | undefined;
  #chart: Chart | undefined;
  #span: Span = 'hour';

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    const { dialog, buttons } = this.#parts;
    buttons.forEach((button, index) => {
      button.addEventListener('click', () => this.#choose(SPANS[index]!));
    });
    dialog.addEventListener('close', () => {
      this.#subject = undefined;
      this.#endChart();
    });
  }

  open(subject: Subject): void {
    const { dialog, title, choice, hint, range } = this.#parts;
    this.#subject = subject;
    this.#histories = {};
    setText(title, subject.name);
    choice.hidden = true;
    hint.hidden = true;
    setText(range, '');
    this.#span = 'hour';
    dialog.showModal();
    this.render();
    void this.reload();
  }

  /** Shows the value of this moment; called a few times a second. */
  render(): void {
    if (!this.#subject) return;
    const { dialog, value, quality } = this.#parts;
    const now = this.#subject.now();
    setText(value, `${now.text} ${now.unit}`.trim());
    setText(quality, translate(now.quality as 'good'));
    setAttribute(dialog, 'data-quality', now.quality);
  }

  /** Adds the value of this moment to the chart; called every few seconds. */
  advance(): void {
    if (!this.#subject || !this.#chart) return;
    this.#chart.add(this.#gateway.now(), this.#subject.now().value);
    this.#describe();
  }

  /** Reads again what the gateway has kept. */
  async reload(): Promise<void> {
    const subject = this.#subject;
    if (!subject) return;
    const { topic } = subject;
    const found = await Promise.all(
      SPANS.map((span) => this.#gateway.history([topic], span).catch(() => undefined)),
    );
    if (this.#subject !== subject) return;
    const histories: Partial<Record<Span, Series>> = {};
    SPANS.forEach((span, index) => {
      const series = found[index]?.[topic];
      if (series) histories[span] = series;
      this.#parts.buttons[index]!.hidden = series === undefined;
    });
    this.#histories = histories;
    this.#parts.choice.hidden = histories.day === undefined;
    this.#parts.hint.hidden = histories.day !== undefined || histories.hour === undefined;
    this.#choose(histories[this.#span] ? this.#span : 'hour');
  }

  #choose(span: Span): void {
    const { buttons, place, pointer } = this.#parts;
    this.#span = span;
    buttons.forEach((button, index) => {
      setAttribute(button, 'aria-pressed', String(SPANS[index] === span));
    });
    setText(pointer, '');
    this.#endChart();
    if (!this.#subject) return;
    const { steps, now } = this.#subject;
    const onPointer = (text: string): void => setText(pointer, text && `${text} ${now().unit}`);
    this.#chart = createChart({ height: HEIGHT, axes: true, steps, onPointer });
    place.replaceChildren(this.#chart.node);
    place.hidden = false;
    const series = this.#histories[span];
    if (series) this.#chart.show(series);
    this.#describe();
  }

  #describe(): void {
    const shown = this.#chart?.range;
    const unit = this.#subject?.now().unit ?? '';
    const withUnit = (text: string): string => `${text} ${unit}`.trim();
    const text =
      shown &&
      translate(RANGE[this.#span], { low: withUnit(shown.low), high: withUnit(shown.high) });
    setText(this.#parts.range, text ?? translate('noValues'));
    this.#parts.place.hidden = shown === undefined;
  }

  #endChart(): void {
    this.#chart?.end();
    this.#chart = undefined;
  }
}
