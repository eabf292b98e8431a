type Publish<Form> = (topic: string, payload: Uint8Array, form?: Form) => void;

const BRACE = 0x7b;
const EMPTY_OBJECT = 2;
const MARK = '"simulated":true,';

/** The same way to publish, for a simulation: every JSON object says so. A plain value can't. */
export function asSimulated<Form>(
  publishOf: (qos: 0 | 1, retain: boolean) => Publish<Form>,
): (qos: 0 | 1, retain: boolean) => Publish<Form> {
  return (qos, retain) => {
    const publish = publishOf(qos, retain);
    return (topic, payload, form) => publish(topic, marked(payload), form);
  };
}

function marked(payload: Uint8Array): Uint8Array {
  if (payload[0] !== BRACE || payload.length <= EMPTY_OBJECT) return payload;
  return Buffer.concat([payload.subarray(0, 1), Buffer.from(MARK), payload.subarray(1)]);
}

/** The trouble of a gateway whose hardware is simulated. */
export function simulatedTrouble(): string {
  return 'simulated: sensors, inputs and outputs are models, no hardware is used (run --simulate, or simulate: true)';
}
