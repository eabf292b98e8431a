import { GATEWAY } from './gateway-de.ts';
import { HARDWARE } from './hardware-de.ts';
import { PLANT } from './plant-de.ts';
import type { SentenceForms } from './sentences.ts';

/** The sentences of troubles and reasons in German. */
export const GERMAN_SENTENCES: SentenceForms = {
  forms: { ...GATEWAY, ...PLANT, ...HARDWARE },
  uplink: 'Verbindung zum Werk {1}',
  counted: {
    sensor: '{1} Sensoren',
    output: '{1} Ausgänge',
    uplink: '{1} Verbindungen zum Werk',
  },
  and: ' und ',
  colon: ': ',
};
