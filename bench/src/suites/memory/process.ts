import { readFile, writeFile } from 'node:fs/promises'

/** A field of `/proc/self/status` in kilobytes, such as `VmRSS` (all), `RssAnon` (not from files), `VmHWM` (largest). Linux only. */
export const kilobytes = async (field: string): Promise<number> =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(await readFile('/proc/self/status', 'utf8'))?.[1])

/** Forgets the largest size so far: `VmHWM` starts at what is in memory now. Linux only. */
export const forgetPeak = (): Promise<void> => writeFile('/proc/self/clear_refs', '5')
