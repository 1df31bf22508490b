import { readFileSync } from 'node:fs';

/** The resident memory of a process, in KiB. */
export const resident = (pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
