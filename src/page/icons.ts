import type { Tab } from './router.ts';

/** Outlines in a square of 24, drawn for this page. */
const PATHS: Readonly<Record<Tab | 'alarm' | 'trouble' | 'more' | 'well', string>> = {
  overview: 'M4 4h7v7H4zM13 4h7v4h-7zM13 11h7v9h-7zM4 14h7v6H4z',
  sensors: 'M3 14l4-6 4 9 4-13 3 10h3',
  alarms: 'M12 3v2M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4',
  outputs: 'M8 6h8a6 6 0 0 1 0 12H8A6 6 0 0 1 8 6zM16 9.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 1 0 0-5',
  plant: 'M3 20V10l6 4v-4l6 4V4h5v16zM7 17h2M12 17h2',
  clients: 'M4 5h16v10H4zM9 19h6M12 15v4',
  topics: 'M5 4v14h5M5 9h5M10 6h9v6h-9zM10 15h9v6h-9z',
  system: 'M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0',
  config: 'M6 3h9l4 4v14H6zM9 10h7M9 14h7M9 18h4',
  alarm: 'M12 4L22 20H2zM12 10v4M12 16.8v.4',
  trouble: 'M5 5h14v14H5zM12 8.5v4.5M12 15.8v.4',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  well: 'M5 13l4.5 4.5L19 7',
};
const SVG = 'http://www.w3.org/2000/svg';

/** A picture beside a word; screen readers skip it. */
export function icon(name: keyof typeof PATHS): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}
