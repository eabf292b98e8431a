/**
 * The commented example as a config to begin with: what needs a chip or a line that may not be there, or may be
 * something else here, is commented out. `sensors` is a list with one level of indentation.
 */
export function configToBeginWith(example) {
  const [before, rest] = example.split(/^(?=sensors:$)/m);
  const [sensors, after] = rest.split(/\n(?=\n# Where everything goes)/);
  const items = sensors.split(/\n(?=\n)/);
  const quiet = items.map((item) =>
    /^ +(?:bus|line):/m.test(item) ? item.replaceAll(/^ {2}(?=[^#\s]| +\S)/gm, '  # ') : item,
  );
  return `${before}${quiet.join('\n')}\n${after}`;
}
