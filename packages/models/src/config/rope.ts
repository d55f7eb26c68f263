import { isJsonObject } from '../json-file'
import { type Fields, unsupported } from './fields'
import type { Rope, RopeConfig, RopeScaling } from './types'

/** Bases that a family uses where a config does not say. */
export interface RopeDefaults {
  readonly theta: number
  /** Base of sliding layers; undefined where all layers share one. */
  readonly localTheta?: number
}

/**
 * Rotary settings from `rope_parameters` (transformers 5; nested by layer type where types differ) or `rope_theta`,
 * `rope_scaling` and `rope_local_base_freq` (transformers 4, and most published checkpoints).
 */
export const parseRope = (fields: Fields, headSize: number, { theta, localTheta }: RopeDefaults): RopeConfig => {
  const modern = fields.object('rope_parameters')
  const nested = modern !== undefined && isJsonObject(modern.raw.full_attention)
  const source = nested ? modern.object('full_attention')! : modern
  const legacy = fields.object('rope_scaling')
  const global: Rope = {
    theta: source?.optionalNumber('rope_theta') ?? fields.number('rope_theta', theta),
    scaling: parseScaling(source ?? legacy),
  }
  const partial = source?.optionalNumber('partial_rotary_factor') ?? fields.number('partial_rotary_factor', 1)
  return {
    size: rotatedSize(fields, headSize, partial),
    global,
    local: parseLocal(fields, nested ? modern : undefined, localTheta),
  }
}

const parseLocal = (fields: Fields, nested: Fields | undefined, localTheta: number | undefined): Rope | undefined => {
  if (localTheta === undefined) return undefined
  const source = nested?.object('sliding_attention')
  return {
    theta: source?.optionalNumber('rope_theta') ?? fields.number('rope_local_base_freq', localTheta),
    scaling: parseScaling(source),
  }
}

const rotatedSize = (fields: Fields, headSize: number, partial: number): number => {
  const size = Math.trunc(headSize * partial)
  if (size < 2 || size > headSize || size % 2 !== 0)
    fields.refuse(
      'partial_rotary_factor',
      `a share that rotates an even number of the ${headSize} dimensions of a head`,
    )
  return size
}

const parseScaling = (fields: Fields | undefined): RopeScaling => {
  if (fields === undefined) return { type: 'default' }
  const type = fields.text('rope_type', fields.text('type', 'default'))
  if (type === 'default') return { type }
  if (type === 'linear') return { type, factor: fields.number('factor') }
  if (type === 'llama3')
    return {
      type,
      factor: fields.number('factor'),
      lowFrequencyFactor: fields.number('low_freq_factor'),
      highFrequencyFactor: fields.number('high_freq_factor'),
      originalMaxPositions: fields.size('original_max_position_embeddings'),
    }
  return unsupported(
    fields,
    'rope_type',
    `rope scaling default, linear or llama3, got ${JSON.stringify(type)}`,
    'Use a model without it.',
  )
}
