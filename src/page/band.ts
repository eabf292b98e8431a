import { stretchesOf } from './band-data.ts';
import type { Chart } from './chart.ts';
import { ChartData } from './chart-data.ts';
import { colour } from './chart-options.ts';
import { onColourScheme } from './colour-scheme.ts';
import { translate } from './translations.ts';

/** A pulse that is shorter than a pixel is drawn with this width. */
const LEAST_PX = 2;

/** A value that is on or off as a band: filled while it is on, half as high where it was both. */
export function createBand(height: number): Chart {
  const canvas = document.createElement('canvas');
  canvas.className = 'chart band';
  canvas.setAttribute('aria-hidden', 'true');
  const data = new ChartData();

  const draw = (): void => {
    const context = canvas.getContext('2d');
    const width = canvas.clientWidth;
    if (!context || width === 0) return;
    const scale = devicePixelRatio;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.scale(scale, scale);
    for (const { from, to, state } of stretchesOf(data)) {
      const [x, length] = [from * width, Math.max(LEAST_PX, (to - from) * width)];
      context.fillStyle = colour('--line');
      context.fillRect(x, 0, length, height);
      context.fillStyle = colour('--accent');
      if (state === 'on') context.fillRect(x, 0, length, height);
      if (state === 'both') context.fillRect(x, height / 2, length, height / 2);
    }
  };
  const sized = new ResizeObserver(draw);
  sized.observe(canvas);
  const forget = onColourScheme(draw);
  const textOf = (value: number): string => translate(value > 0.5 ? 'yes' : 'no');
  return {
    node: canvas,
    get range() {
      const { range } = data;
      return range && { low: textOf(range.low), high: textOf(range.high) };
    },
    show(series) {
      data.replace(series);
      draw();
    },
    add(timeMs, value) {
      data.add(timeMs, value);
      draw();
    },
    end() {
      sized.disconnect();
      forget();
    },
  };
}
