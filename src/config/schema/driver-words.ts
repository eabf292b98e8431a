/** What other programs, and people, call a driver, in lower case and without dashes. */
const OTHER_DRIVERS: Readonly<Record<string, string>> = {
  'digital-input': 'gpio input inputs di button switch contact reed limitswitch binarysensor pir',
  'pulse-counter': 'counter pulse pulses meter s0 flow flowmeter watermeter energymeter',
  'quadrature-encoder': 'encoder rotary rotaryencoder quadrature incremental',
  tachometer: 'rpm speed frequency tacho fan',
  ads1115: 'adc analog analogue analoginput 420ma 010v ntc thermistor pt1000',
  ds18b20: '1wire onewire w1 dallas',
  host: 'cpu memory ram disk system load uptime',
};

/** The driver among the candidates that other programs call by this word; undefined if none is known. */
export function ownDriver(word: string, candidates: readonly string[]): string | undefined {
  const plain = word.toLowerCase().replaceAll(/[-_ ]/g, '');
  const found = Object.entries(OTHER_DRIVERS).find(([, words]) => words.split(' ').includes(plain));
  return found && candidates.includes(found[0]) ? found[0] : undefined;
}
