/** By how much `y` grows where `x` grows by one, by least squares. */
export function slope(points) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map((point) => point.x)), mean(points.map((point) => point.y))];
  const up = points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0);
  return up / points.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
}
