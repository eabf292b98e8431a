import './topics.css';
import type { ConfirmDialog } from '../confirm-dialog.ts';
import { element, setText } from '../dom.ts';
import type { Gateway } from '../gateway.ts';
import type { LiveSection } from '../lazy-section.ts';
import { bytes, number, translate } from '../translations.ts';
import { visible } from './payload-text.ts';
import { createPublishForm, type TestMessage } from './publish-form.ts';
import { createTopicDialog } from './topic-dialog.ts';
import { TopicFeed } from './topic-feed.ts';
import { topicMistake, topicSearch } from './topic-filter.ts';
import { type TopicNode, topicTree, visibleRows } from './topic-rows.ts';
import { TopicStore } from './topic-store.ts';
import { refusalOf } from './topic-texts.ts';
import { createTopicTree } from './topic-tree.ts';

/** Lines of the tree that are shown at once. */
const LINES = 300;
/** Up to so many topics the tree is open at first. */
const OPEN_TOPICS = 60;
const TYPING_MS = 300;

/** The topics that the user may read, live while the tab is open, and test messages. */
export class Topics implements LiveSection {
  readonly node: HTMLElement;
  readonly #gateway: Gateway;
  readonly #confirm: ConfirmDialog;
  readonly #store = new TopicStore();
  readonly #feed: TopicFeed;
  readonly #status = element('p', { class: 'age', role: 'status' });
  readonly #leftOut = element('p', { class: 'reason' });
  readonly #failure = element('p', { class: 'reason', role: 'status' });
  readonly #more = element('p', { class: 'age' });
  readonly #search = element('input', { type: 'search', placeholder: translate('findTopic') });
  readonly #tree = createTopicTree({
    toggle: (path, isOpen) => this.#toggle(path, isOpen),
    open: (topic) => this.#open(topic),
  });
  readonly #dialog = createTopicDialog({
    clear: (topic) => this.#clear(topic),
    reuse: (topic, payload) => this.#form.fill(topic, payload),
  });
  readonly #form = createPublishForm((message) => this.#publish(message));
  /** What the user has opened and closed. */
  #toggled = new Map<string, boolean>();
  #isOpenAtFirst = true;
  #matches = topicSearch('');
  /** Whether the store has only what the search finds. */
  #isNarrow = false;
  #root: TopicNode = topicTree([]);
  #treeOf = -1;
  #drawn = '';
  #readable: readonly string[] | undefined;
  #typing: ReturnType<typeof setTimeout> | undefined;
  #isOpen = false;
  #isConnecting = false;

  constructor(gateway: Gateway, confirm: ConfirmDialog) {
    this.#gateway = gateway;
    this.#confirm = confirm;
    this.#feed = new TopicFeed(gateway, {
      message: (message) => this.#store.receive(message, gateway.now()),
      begins: () => this.#begin(),
      failed: (reason) => setText(this.#failure, translate('refused', { reason })),
    });
    this.#search.setAttribute('aria-label', translate('findTopic'));
    this.#search.addEventListener('input', () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#find(), TYPING_MS);
    });
    const tools = element('div', { class: 'tools' }, this.#search, this.#status);
    this.node = element('div', { class: 'view' }, this.#form.node, tools, this.#leftOut);
    this.node.append(this.#failure, this.#tree.node, this.#more);
  }

  open(): void {
    this.#isOpen = true;
    void this.#connect();
  }

  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#typing);
    this.#readable = undefined;
    this.#feed.close();
  }

  poll(): void {
    if (this.#readable === undefined) void this.#connect();
  }

  render(): void {
    const now = this.#gateway.now();
    const { shown } = this.#dialog;
    if (shown !== undefined) this.#dialog.show(this.#store.entries.get(shown), now);
    // Ages have whole seconds.
    const drawn = `${this.#store.changes} ${this.#treeOf} ${Math.floor(now / 1000)}`;
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#grow();
    const isOpen = (path: string): boolean =>
      this.#toggled.get(path) ?? (this.#isOpenAtFirst && !path.startsWith('$'));
    const { rows, more } = visibleRows(this.#root, isOpen, LINES);
    this.#tree.show(rows, now);
    this.#tree.node.hidden = rows.length === 0;
    setText(this.#more, more > 0 ? translate('moreLines', { count: number(more) }) : '');
    this.#showCounts();
  }

  /** Asks what the user may read, and subscribes to it; the next poll tries again if there is no answer. */
  async #connect(): Promise<void> {
    if (this.#isConnecting) return;
    this.#isConnecting = true;
    const answer = await this.#gateway.filters().catch(() => undefined);
    this.#isConnecting = false;
    if (!this.#isOpen || !answer) return;
    const { read, all } = answer;
    this.#readable = read;
    this.#feed.open(read);
    const count = number(all - read.length);
    setText(this.#failure, all > read.length ? translate('othersToo', { count }) : '');
  }

  #begin(): void {
    this.#isNarrow = this.#isNarrow && this.#search.value.trim() !== '';
    this.#store.clear(this.#isNarrow ? this.#matches : () => true);
  }

  /** Makes the tree again if other topics are to be shown. */
  #grow(): void {
    const { topicChanges, entries } = this.#store;
    if (this.#treeOf === topicChanges) return;
    this.#treeOf = topicChanges;
    const found = [...entries.values()].filter(({ topic }) => this.#matches(topic));
    this.#root = topicTree(found);
    const countOwn = found.filter(({ topic }) => !topic.startsWith('$')).length;
    if (countOwn > OPEN_TOPICS) this.#isOpenAtFirst = false;
  }

  #find(): void {
    this.#matches = topicSearch(this.#search.value);
    this.#toggled = new Map();
    this.#isOpenAtFirst = true;
    this.#treeOf = -1;
    // What was left out is looked for among all topics.
    if (this.#store.leftOut > 0 || this.#isNarrow) {
      this.#isNarrow = this.#search.value.trim() !== '';
      this.#feed.subscribe();
    }
  }

  #showCounts(): void {
    const { entries, leftOut } = this.#store;
    const [found, text] = [this.#root.topics, this.#search.value.trim()];
    if (this.#readable?.length === 0) setText(this.#status, translate('mayReadNothing'));
    else if (found === 0 && text !== '') setText(this.#status, translate('noTopicFound', { text }));
    else
      setText(
        this.#status,
        translate('topicCount', { found: number(found), all: number(entries.size) }),
      );
    const limits = { topics: number(entries.size), bytes: bytes(this.#store.bytes) };
    const left = translate('topicsLeftOut', { count: number(leftOut), ...limits });
    setText(this.#leftOut, leftOut > 0 ? left : '');
  }

  #toggle(path: string, isOpen: boolean): void {
    this.#toggled.set(path, isOpen);
    this.#drawn = '';
    this.render();
  }

  #open(topic: string): void {
    this.#dialog.open(topic);
    this.#dialog.show(this.#store.entries.get(topic), this.#gateway.now());
  }

  /** Asks, then publishes; resolves with what came of it. */
  async #publish(message: TestMessage): Promise<string> {
    const mistake = topicMistake(message.topic);
    if (mistake) return translate(mistake);
    const title = translate('askPublish', { topic: visible(message.topic) });
    const texts = { title, why: translate('publishWhy'), action: translate('publish') };
    const done = translate(message.qos === 0 ? 'sentOnly' : 'published');
    const { topic, payload, qos, retain } = message;
    const publish = (): Promise<unknown> => this.#feed.publish(topic, payload, qos, retain);
    return this.#send(topic, texts, done, publish);
  }

  async #clear(topic: string): Promise<string> {
    const title = translate('askClear', { topic: visible(topic) });
    const texts = { title, why: translate('clearWhy'), action: translate('clearRetained') };
    // Over HTTP, so that the gateway's audit log has who did it.
    const clear = async (): Promise<void> => {
      const reason = await this.#gateway.clearRetained(topic);
      if (reason !== '') throw new Error(reason);
    };
    return this.#send(topic, texts, translate('wasCleared'), clear);
  }

  async #send(
    topic: string,
    texts: Parameters<ConfirmDialog['ask']>[0],
    done: string,
    send: () => Promise<unknown>,
  ): Promise<string> {
    try {
      // At QoS 0 the broker has no answer: the right is read first.
      const { [topic]: may } = await this.#gateway.rights([topic]);
      if (may === false) return translate('mayNotPublish', { topic: visible(topic) });
      if (!(await this.#confirm.ask(texts))) return '';
      await send();
      return done;
    } catch (error) {
      return refusalOf(error, visible(topic));
    }
  }
}
