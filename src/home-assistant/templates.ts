import type { PayloadForm } from '../driver-kit/reading.ts';

/** What a value is, as far as it is known. */
export type ValueKind = 'number' | 'boolean' | 'text' | 'unknown';

/** Home Assistant takes no state with more characters. */
const LONGEST_STATE = 255;

const JSON_VALUES: Readonly<Record<ValueKind, string>> = {
  number: '{{ value_json.value }}',
  boolean: "{{ none if value_json.value is none else ('on' if value_json.value else 'off') }}",
  text: `{{ (value_json.value | string)[:${LONGEST_STATE}] }}`,
  unknown: `{{ (value_json.value | string)[:${LONGEST_STATE}] }}`,
};

const BARE_VALUES: Readonly<Record<ValueKind, string>> = {
  number: "{{ none if value == 'null' else value }}",
  boolean: "{{ 'on' if value == 'true' else ('off' if value == 'false' else none) }}",
  text: `{{ none if value == 'null' else value[:${LONGEST_STATE}] }}`,
  unknown: `{{ none if value == 'null' else value[:${LONGEST_STATE}] }}`,
};

/** The template that takes the state out of a reading: `on` and `off` for a boolean, None where there is no value. */
export function valueTemplate(form: PayloadForm, kind: ValueKind): string {
  return form === 'json' ? JSON_VALUES[kind] : BARE_VALUES[kind];
}

/** The template that makes `online` or `offline` of a reading: offline while it is bad. */
export function availabilityTemplate(form: PayloadForm): string {
  return form === 'json'
    ? "{{ 'online' if value_json is defined and value_json.quality != 'bad' else 'offline' }}"
    : "{{ 'offline' if value == 'null' else 'online' }}";
}

/** Quality and reason of a reading in JSON, as attributes. */
export const QUALITY_ATTRIBUTES =
  "{{ {'quality': value_json.quality, 'reason': value_json.reason | default(none)} | tojson }}";

/** `on` while an alarm is active. */
export const ALARM_STATE = "{{ 'on' if value_json.state == 'active' else 'off' }}";

/** What an operator reads of an alarm, as attributes. */
export const ALARM_ATTRIBUTES =
  "{{ {'severity': value_json.severity, 'text': value_json.text, 'acknowledged': value_json.acknowledged} | tojson }}";
