import { checkAudit } from '../audit/audit-check.ts';
import type { CheckResult } from './check-result.ts';

const REMEDY =
  'copy the folder audit and the file audit.end of the data folder for those who look into it; journalctl -u cellgate has number and hash of each change, see docs/operations.md';
const UNREADABLE = 'run this as root or as the user of the gateway';

/** Whether the audit log in a data folder is as the gateway has written it. None if there is no log. */
export async function auditResults(data: string): Promise<readonly CheckResult[]> {
  let check: Awaited<ReturnType<typeof checkAudit>>;
  try {
    check = await checkAudit(data);
  } catch (error) {
    return [{ found: `it can't be read: ${(error as Error).message}`, remedy: UNREADABLE }];
  }
  const { lines, findings, unfinished } = check;
  const results: CheckResult[] = findings.map((found) => ({ found, remedy: REMEDY }));
  if (unfinished !== undefined) results.push({ found: unfinished });
  // The gateway found it at a start, and what it says about can be seen no more: the end was deleted.
  const reported = lines.findLast(({ what }) => what === 'audit-damaged');
  if (findings.length === 0 && reported) {
    const found = `the start at ${reported.time} found: ${reported.after?.join('; ') ?? ''}`;
    results.push({ found, remedy: REMEDY });
  }
  if (results.length === 0 && lines.length > 0) {
    const count = lines.length === 1 ? '1 change' : `${lines.length} changes`;
    results.push({ found: `${count}, none was changed or removed` });
  }
  return results;
}
