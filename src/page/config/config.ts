import './config.css';
import type { ConfirmDialog } from '../confirm-dialog.ts';
import { element, setText } from '../dom.ts';
import type { Gateway } from '../gateway.ts';
import type { LiveSection } from '../lazy-section.ts';
import { number, span } from '../translations.ts';
import { createAuditList } from './audit-list.ts';
import { createConfigPanel } from './config-panel.ts';
import {
  applyConfig,
  type Checked,
  type ConfigFile,
  checkConfig,
  type Outcome,
  readAudit,
  readConfig,
} from './config-requests.ts';
import { createConfigText } from './config-text.ts';
import { type ConfigTexts, loadConfigTexts } from './config-texts.ts';

/** Between the last letter and the check. */
const TYPING_MS = 1000;
const AUDIT_LINES = 20;
/** The newest changes are read at each of so many polls. */
const POLLS = 5;

/** Loads the texts, then makes the section. */
export async function createConfigSection(
  gateway: Gateway,
  confirm: ConfirmDialog,
): Promise<LiveSection> {
  return new ConfigSection(gateway, confirm, await loadConfigTexts());
}

/** The config file: read, edited, checked and applied; and who has changed what. */
class ConfigSection implements LiveSection {
  readonly node: HTMLElement;
  readonly #gateway: Gateway;
  readonly #confirm: ConfirmDialog;
  readonly #texts: ConfigTexts;
  readonly #text: ReturnType<typeof createConfigText>;
  readonly #panel: ReturnType<typeof createConfigPanel>;
  readonly #audit: ReturnType<typeof createAuditList>;
  readonly #status = element('p', { class: 'result', role: 'status' });
  readonly #denied = element('p', { class: 'empty', hidden: true });
  readonly #work: HTMLElement;
  readonly #apply: HTMLButtonElement;
  #file: ConfigFile | undefined;
  /** The text that was checked without a problem, and its changes shown. */
  #reviewed: string | undefined;
  #isApplying = false;
  #checks = 0;
  #polls = 0;
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(gateway: Gateway, confirm: ConfirmDialog, texts: ConfigTexts) {
    this.#gateway = gateway;
    this.#confirm = confirm;
    this.#texts = texts;
    this.#text = createConfigText(texts, () => this.#edited());
    this.#panel = createConfigPanel(texts, (line, column) => this.#text.go(line, column));
    this.#audit = createAuditList(texts, () => gateway.now());
    const button = (name: Parameters<ConfigTexts>[0], act: () => unknown): HTMLButtonElement => {
      const made = element('button', { type: 'button' }, texts(name));
      made.addEventListener('click', () => void act());
      return made;
    };
    this.#apply = button('apply', () => this.#applyText());
    this.#apply.className = 'primary';
    this.#apply.disabled = true;
    const tools = element('div', { class: 'tools' });
    tools.append(
      button('check', () => this.#check(false)),
      button('review', () => this.#check(true)),
      this.#apply,
      button('readAgain', () => this.#readAgain()),
    );
    const editor = element('div', { class: 'config-editor' }, this.#text.node, this.#panel.node);
    const title = element('h3', { class: 'part-title' }, texts('audit'));
    this.#work = element('div', { class: 'view', hidden: true }, tools, this.#status, editor);
    this.#work.append(title, this.#audit.node);
    setText(this.#denied, texts('noRight'));
    this.node = element('div', {}, this.#denied, this.#work);
  }

  open(): void {
    this.#polls = 0;
    if (!this.#isEdited && !this.#isApplying) void this.#read();
    void this.#readAudit();
  }

  close(): void {
    clearTimeout(this.#typing);
  }

  poll(): void {
    if (this.#file === undefined && this.#denied.hidden) void this.#read();
    if (++this.#polls % POLLS === 0) void this.#readAudit();
  }

  render(): void {
    // Nothing moves by itself.
  }

  get #isEdited(): boolean {
    return this.#file !== undefined && this.#text.text !== this.#file.text;
  }

  async #read(): Promise<void> {
    let file: ConfigFile | 'denied' = 'denied';
    try {
      // A refused request would be an error in the browser's console.
      if (this.#gateway.isAdministrator) file = await readConfig(this.#gateway);
    } catch (error) {
      this.#work.hidden = false;
      return this.#say(error instanceof TypeError ? this.#texts('noAnswer') : messageOf(error));
    }
    this.#denied.hidden = file !== 'denied';
    this.#work.hidden = file === 'denied';
    this.#file = file === 'denied' ? undefined : file;
    if (this.#file) this.#showText(this.#file.text);
  }

  #showText(text: string): void {
    this.#text.text = text;
    this.#panel.showFindings([], []);
    this.#forget();
  }

  async #readAgain(): Promise<void> {
    if (this.#isApplying) return;
    const texts = {
      title: this.#texts('askReadAgain'),
      why: this.#texts('readAgainWhy'),
      action: this.#texts('discard'),
    };
    if (this.#isEdited && !(await this.#confirm.ask(texts))) return;
    this.#say('');
    await this.#read();
  }

  async #readAudit(): Promise<void> {
    if (!this.#gateway.isAdministrator) return;
    const lines = await readAudit(this.#gateway, AUDIT_LINES).catch(() => undefined);
    if (lines) this.#audit.show(lines);
  }

  /** What was reviewed is another text. */
  #forget(): void {
    this.#reviewed = undefined;
    this.#apply.disabled = true;
    this.#panel.hideDifference();
  }

  #edited(): void {
    this.#forget();
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => void this.#check(false), TYPING_MS);
  }

  /** Shows what the gateway finds in the text, and if wanted what it changes. */
  async #check(isReview: boolean): Promise<void> {
    clearTimeout(this.#typing);
    if (this.#file === undefined || this.#isApplying) return;
    const { text } = this.#text;
    const check = ++this.#checks;
    this.#say(this.#texts('checking'));
    let checked: Checked;
    try {
      checked = await checkConfig(this.#gateway, text);
    } catch (error) {
      return this.#say(error instanceof TypeError ? this.#texts('noAnswer') : messageOf(error));
    }
    // The text has changed meanwhile, or another check has begun.
    if (check !== this.#checks || text !== this.#text.text) return;
    const { problems, warnings } = checked;
    this.#showFindings(problems, warnings);
    if (problems.length > 0) return;
    if (isReview) this.#review(text, checked);
  }

  #showFindings(problems: Checked['problems'], warnings: Checked['warnings']): void {
    this.#text.mark([...problems, ...warnings].map(({ line }) => line));
    this.#panel.showFindings(problems, warnings);
    const count = number(problems.length);
    this.#say(problems.length > 0 ? this.#texts('problemCount', { count }) : this.#texts('fine'));
  }

  #review(text: string, checked: Checked): void {
    if (!this.#isEdited) return this.#say(this.#texts('nothingChanged'));
    this.#panel.showDifference(this.#file?.text ?? '', text, checked);
    const may = checked.obstacle === undefined;
    this.#reviewed = may ? text : undefined;
    this.#apply.disabled = !may;
  }

  async #applyText(): Promise<void> {
    const { text } = this.#text;
    if (this.#isApplying || this.#file === undefined || this.#reviewed !== text) return;
    this.#lock(true);
    this.#say(this.#texts('applying'));
    let outcome: Outcome;
    try {
      outcome = await applyConfig(this.#gateway, text, this.#file.hash, () =>
        this.#say(this.#texts('confirming')),
      );
    } catch {
      outcome = { reason: this.#texts('noAnswer') };
    } finally {
      this.#lock(false);
    }
    await this.#showOutcome(outcome);
    await this.#readAudit();
  }

  #lock(isLocked: boolean): void {
    this.#isApplying = isLocked;
    this.#text.isLocked = isLocked;
    this.#apply.disabled = true;
  }

  /** Where the change was refused the edited text stays, so that it can be corrected. */
  async #showOutcome(outcome: Outcome): Promise<void> {
    const { reason, isTakenBack, problems, isUnconfirmed, trialMs = 0 } = outcome;
    this.#forget();
    if (isUnconfirmed) return this.#say(this.#texts('unconfirmed', { time: span(trialMs) }));
    if (problems) this.#showFindings(problems, []);
    if (reason !== undefined) {
      return this.#say(this.#texts(isTakenBack ? 'takenBack' : 'refused', { reason }));
    }
    await this.#read();
    this.#say(this.#texts('kept'));
  }

  #say(sentence: string): void {
    setText(this.#status, sentence);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
