/** Bytes of a Variable Byte Integer, e.g. a packet's Remaining Length [MQTT 3.1.1, section 2.2.3; MQTT 5, section 1.5.5]. */
export function variableIntBytes(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4;
}

/** Writes a Variable Byte Integer at `start`; returns the offset after it. */
export function writeVariableInt(target: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 127; rest >>>= 7) target[at++] = (rest & 127) | 128;
  target[at++] = rest;
  return at;
}
