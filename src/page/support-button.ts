import { element, setText } from './dom.ts';
import type { Gateway } from './gateway.ts';
import { bytes, translate } from './translations.ts';

const NAME = 'cellgate-support.tar.gz';

export interface SupportButton {
  readonly node: HTMLElement;
  /** Whether this user may have it: known a moment after the connection. */
  poll(): void;
}

/** The download of the support bundle, for a user who may have it. */
export function createSupportButton(gateway: Gateway): SupportButton {
  const button = element('button', { type: 'button' }, translate('supportBundle'));
  const status = element('p', { class: 'age', role: 'status' });
  const node = element('div', { class: 'tools support' }, button, status);
  button.addEventListener('click', () => void take());

  let isUsed = false;

  async function take(): Promise<void> {
    button.disabled = true;
    isUsed = true;
    setText(status, translate('supportCollecting'));
    try {
      const response = await gateway.send('api/support', [], '');
      if (response.ok) {
        const bundle = await response.blob();
        save(bundle);
        setText(status, translate('supportTaken', { name: NAME, size: bytes(bundle.size) }));
      } else setText(status, translate('refused', { reason: (await response.text()).trim() }));
    } catch {
      setText(status, translate('noAnswerYet'));
    }
    button.disabled = false;
  }
  return {
    node,
    poll(): void {
      if (isUsed) return;
      button.disabled = !gateway.isAdministrator;
      setText(status, translate(gateway.isAdministrator ? 'supportWhy' : 'supportNeeds'));
    },
  };
}

function save(content: Blob): void {
  const link = element('a', { href: URL.createObjectURL(content), download: NAME });
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
