import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writing } from './reporter'

/** A text file of one line per event that a resumed run goes on with. */
export interface LogFile {
  append(line: string): Promise<void>
  /** Keeps the lines that `keeps` and drops the others: what a killed run wrote after its last checkpoint. */
  rewind(keeps: (line: string) => boolean): Promise<void>
}

/** The log at `path`; its folder is made when the first line is written. @throws TrainError `report-write` */
export const logFile = (path: string): LogFile => ({
  append: (line) => writing(path, () => appendFile(path, `${line}\n`)),
  rewind: (keeps) =>
    writing(path, async () => {
      await mkdir(dirname(path), { recursive: true })
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return ''
        throw error
      })
      const complete = text.slice(0, text.lastIndexOf('\n') + 1)
      const kept = complete.split('\n').filter((line) => line !== '' && keeps(line))
      await writeFile(`${path}.partial`, kept.map((line) => `${line}\n`).join(''))
      await rename(`${path}.partial`, path)
    }),
})
