import type { Domain } from './domain'

/** Placeholder type-only module until the real readers are wired; see below. */
export const realDomain = async (_folder: string, _rows: number): Promise<Domain> => {
  throw new Error('npm start: real data')
}
