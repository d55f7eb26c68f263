import { InvalidArgumentError } from 'commander'
import type { Shard } from '../shard/stage'

/** A number of 0 or more. */
export function number(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError(`Expected a number of 0 or more, got '${text}'.`)
  return value
}

/** `3/16`: shard 3 of 16, counted from 0. */
export function shard(text: string): Shard {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? []
  if (index === undefined || Number(count) < 1 || Number(index) >= Number(count))
    throw new InvalidArgumentError(`Expected a shard such as 0/16 to 15/16, got '${text}'. Shards count from 0.`)
  return { index: Number(index), count: Number(count) }
}
