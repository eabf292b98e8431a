import type { LocalMessage } from '../broker/messages/local-message.ts';
import type { PayloadForm } from '../driver-kit/reading.ts';
import { encodeProperties } from '../mqtt/properties.ts';

/** How a payload of the gateway is written, and how long it is worth something. */
export interface PublishedForm {
  readonly payload: PayloadForm;
  /** Milliseconds. */
  readonly expires?: number | undefined;
}

const CONTENT_TYPES: Readonly<Record<PayloadForm, string>> = {
  json: 'application/json',
  value: 'text/plain',
};
const LASTING: Readonly<Record<PayloadForm, Uint8Array>> = {
  json: encodeProperties({ contentType: CONTENT_TYPES.json }),
  value: encodeProperties({ contentType: CONTENT_TYPES.value }),
};

/** What MQTT 5 has about such a payload that is published at `now`, in milliseconds of the stored clock. */
export function propertiesOf(
  { payload, expires }: PublishedForm,
  now: () => number,
): Pick<LocalMessage, 'properties' | 'expiresAt'> {
  if (expires === undefined) return { properties: LASTING[payload] };
  const messageExpiry = Math.ceil(expires / 1000);
  const properties = encodeProperties({ messageExpiry, contentType: CONTENT_TYPES[payload] });
  return { properties, expiresAt: now() + expires };
}
