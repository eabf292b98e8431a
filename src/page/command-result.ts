/** The result of a command, as the gateway publishes it. */
export interface CommandResult {
  readonly id?: string;
  readonly ok?: boolean;
  readonly reason?: string;
}

/** An empty result of a payload that is no JSON object. */
export function parseResult(payload: string): CommandResult {
  try {
    const parsed: unknown = JSON.parse(payload);
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}
