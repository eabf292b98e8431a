import uPlot from 'uplot';
import type { Series } from '../history/hour-history.ts';
import { ChartData } from './chart-data.ts';
import { type ChartStyle, chartOptions } from './chart-options.ts';
import { onColourScheme } from './colour-scheme.ts';
import { number, translate } from './translations.ts';

export interface Chart {
  readonly node: HTMLElement;
  /** Lowest and highest value that it shows, as text; undefined while it is empty. */
  readonly range: { readonly low: string; readonly high: string } | undefined;
  /** Shows the last hour or day that the gateway has kept. */
  show(series: Series): void;
  /** The value at this moment; a new point begins when the time of the newest is over. */
  add(timeMs: number, value: number | null): void;
  /** Removes it and its listeners. */
  end(): void;
}

/** An empty chart as wide as its parent. Screen readers skip its canvas: the caller shows the same as text. */
export function createChart(style: ChartStyle): Chart {
  const node = document.createElement('div');
  node.className = 'chart';
  node.setAttribute('aria-hidden', 'true');
  node.style.height = `${style.height}px`;
  const data = new ChartData();
  let plot: uPlot | undefined;

  const format = (value: number): string =>
    style.steps ? translate(value > 0.5 ? 'yes' : 'no') : number(value);

  const functions = {
    format,
    beginOf: (end: number) => data.beginOf(end),
    stepped: style.steps ? uPlot.paths.stepped?.({ align: 1 }) : undefined,
  };

  const draw = (): void => {
    plot?.destroy();
    plot = undefined;
    const width = Math.floor(node.clientWidth);
    if (width > 0) plot = new uPlot(chartOptions(width, style, functions), data.columns, node);
  };

  const sized = new ResizeObserver(() => {
    const width = Math.floor(node.clientWidth);
    if (!plot) draw();
    else if (width > 0 && width !== plot.width) plot.setSize({ width, height: style.height });
  });
  sized.observe(node);
  const forget = onColourScheme(draw);

  return {
    node,
    get range() {
      const { range } = data;
      return range && { low: format(range.low), high: format(range.high) };
    },
    show(series) {
      data.replace(series);
      plot?.setData(data.columns);
    },
    add(timeMs, value) {
      data.add(timeMs, value);
      plot?.setData(data.columns);
    },
    end() {
      sized.disconnect();
      forget();
      plot?.destroy();
      plot = undefined;
    },
  };
}
