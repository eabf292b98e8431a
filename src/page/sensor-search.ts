import { element } from './dom.ts';
import { translate } from './translations.ts';

/** A field that hides the tiles without all of its words in their name or quality. */
export function createSensorSearch(changed: () => void) {
  const field = element('input', {
    type: 'search',
    class: 'find',
    hidden: true,
    placeholder: translate('find'),
    'aria-label': translate('find'),
  });
  field.addEventListener('input', changed);
  return {
    node: field,
    /** Whether it has no text. */
    get empty(): boolean {
      return field.value === '';
    },
    get text(): string {
      return field.value;
    },
    matches(text: string): boolean {
      const words = field.value.toLowerCase().split(/\s+/);
      return words.every((word) => text.toLowerCase().includes(word));
    },
  };
}
