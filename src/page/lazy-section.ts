import { element, setText } from './dom.ts';
import { translate } from './translations.ts';

/** A section that works only while it is on the screen and the gateway is connected. */
export interface LiveSection {
  readonly node: Element;
  /** Begins to work: another user may have connected since. */
  open(): void;
  close(): void;
  /** Called every two seconds while it is open. */
  poll(): void;
  /** Called a few times a second while it is open. */
  render(): void;
}

/** A section whose code is loaded when it is opened for the first time. */
export function createLazySection(load: () => Promise<LiveSection>) {
  const failure = element('p', { class: 'reason', role: 'status' });
  const node = element('div', {}, failure);
  let section: LiveSection | undefined;
  let [isLoading, isOpen] = [false, false];

  const loadOnce = async (): Promise<void> => {
    isLoading = true;
    try {
      section = await load();
      node.replaceChildren(section.node);
      if (isOpen) section.open();
    } catch (error) {
      // The next poll tries again.
      setText(failure, `${translate('noAnswerYet')} (${String(error)})`);
    } finally {
      isLoading = false;
    }
  };
  return {
    node,
    /** Opens or closes it. */
    show(isShown: boolean): void {
      if (isShown === isOpen) return;
      isOpen = isShown;
      if (section) section[isOpen ? 'open' : 'close']();
      else if (isOpen && !isLoading) void loadOnce();
    },
    poll(): void {
      if (!isOpen) return;
      if (section) section.poll();
      else if (!isLoading) void loadOnce();
    },
    render(): void {
      if (isOpen) section?.render();
    },
  };
}
