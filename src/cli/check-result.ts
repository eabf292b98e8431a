/** What a check of the machine has found: one sentence, and what to do if there is a problem. */
export interface CheckResult {
  readonly found: string;
  readonly remedy?: string;
}
