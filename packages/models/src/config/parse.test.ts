import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ModelsError } from '../errors'
import { parseConfig, supportedModelTypes } from './parse'

/** A config in the style of transformers 5. */
const llama = {
  model_type: 'llama',
  vocab_size: 96,
  hidden_size: 40,
  intermediate_size: 64,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_parameters: { rope_theta: 20000, rope_type: 'default' },
  tie_word_embeddings: false,
  bos_token_id: 1,
  eos_token_id: [2, 3],
  pad_token_id: null,
  dtype: 'bfloat16',
}

const gemma = { ...llama, model_type: 'gemma3_text', head_dim: 16, sliding_window: 4, query_pre_attn_scalar: 25 }

/** The same config with the keys of transformers 4. */
const legacy = ({ rope_parameters, dtype, ...rest }: Record<string, unknown>, rope: object) => ({
  ...rest,
  torch_dtype: dtype,
  ...rope,
})

const errorOf = (raw: object): ModelsError => {
  try {
    parseConfig(raw as never, 'folder/config.json')
  } catch (error) {
    expect(error).toBeInstanceOf(ModelsError)
    return error as ModelsError
  }
  throw new Error('expected an error')
}

describe('parseConfig', () => {
  it('gives every field of a Llama config', () => {
    expect(parseConfig(llama)).toEqual({
      family: 'llama',
      modelType: 'llama',
      vocabularySize: 96,
      hiddenSize: 40,
      layers: 3,
      heads: 4,
      keyValueHeads: 2,
      headSize: 10,
      feedForwardSize: 64,
      norm: { kind: 'rms', epsilon: 1e-5, offset: 0 },
      activation: 'silu',
      biases: { queryKeyValue: false, attentionOutput: false, feedForward: false },
      queryKeyNorms: false,
      tiedEmbeddings: false,
      normalizedHead: false,
      positions: 'rope',
      maxPositions: 64,
      rope: { size: 10, global: { theta: 20000, scaling: { type: 'default' } }, local: undefined },
      layerTypes: ['full', 'full', 'full'],
      slidingWindow: undefined,
      queryScale: 10 ** -0.5,
      embeddingScale: 1,
      softcaps: { attention: undefined, logits: undefined },
      bosId: 1,
      eosIds: [2, 3],
      padId: undefined,
      dtype: 'bfloat16',
      initializerRange: 0.02,
      raw: llama,
    })
  })

  it.each<[string, Record<string, unknown>, object]>([
    ['default rope', llama, { rope_theta: 20000, rope_scaling: null }],
    [
      'llama3 rope',
      {
        ...llama,
        rope_parameters: {
          rope_theta: 5e5,
          rope_type: 'llama3',
          factor: 8,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 16,
        },
      },
      {
        rope_theta: 5e5,
        rope_scaling: {
          type: 'llama3',
          factor: 8,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 16,
        },
      },
    ],
    [
      'rope by layer type',
      {
        ...gemma,
        rope_parameters: {
          full_attention: { rope_type: 'linear', factor: 8, rope_theta: 2e6 },
          sliding_attention: { rope_type: 'default', rope_theta: 5e3 },
        },
      },
      { rope_theta: 2e6, rope_local_base_freq: 5e3, rope_scaling: { rope_type: 'linear', factor: 8 } },
    ],
    [
      'partial rotation',
      {
        ...llama,
        model_type: 'phi3',
        rope_parameters: { rope_theta: 1e4, rope_type: 'default', partial_rotary_factor: 0.4 },
      },
      { rope_theta: 1e4, partial_rotary_factor: 0.4 },
    ],
  ])('reads %s alike from keys of transformers 4 and 5', (_, modern, rope) => {
    const { raw: __, ...expected } = parseConfig(modern)
    const { raw: ___, ...config } = parseConfig(legacy(modern, rope))
    expect(config).toEqual(expected)
  })

  it('reads the nested rope of both kinds of layers', () => {
    const rope = parseConfig(
      legacy(gemma, { rope_theta: 2e6, rope_local_base_freq: 5e3, rope_scaling: { rope_type: 'linear', factor: 8 } }),
    ).rope
    expect(rope?.global).toEqual({ theta: 2e6, scaling: { type: 'linear', factor: 8 } })
    expect(rope?.local).toEqual({ theta: 5e3, scaling: { type: 'default' } })
  })

  it('fills what published Gemma 3 configs leave out with the values of the class', () => {
    const config = parseConfig({
      model_type: 'gemma3',
      eos_token_id: [1, 106],
      text_config: {
        model_type: 'gemma3_text',
        hidden_size: 2560,
        intermediate_size: 10240,
        num_hidden_layers: 12,
        sliding_window: 1024,
      },
    })
    expect(config).toMatchObject({
      family: 'gemma3',
      modelType: 'gemma3',
      vocabularySize: 262208,
      heads: 8,
      keyValueHeads: 4,
      headSize: 256,
      tiedEmbeddings: true,
      slidingWindow: 1024,
      queryScale: 1 / 16,
      eosIds: [1, 106],
      norm: { kind: 'rms', epsilon: 1e-6, offset: 1 },
    })
    expect(config.embeddingScale).toBeCloseTo(Math.sqrt(2560), 12)
    expect(config.layerTypes.map((type) => type[0]).join('')).toBe('sssssfsssssf')
    expect(config.rope).toEqual({
      size: 256,
      global: { theta: 1e6, scaling: { type: 'default' } },
      local: { theta: 1e4, scaling: { type: 'default' } },
    })
  })

  it('alternates the layers of Gemma 2 and caps its numbers', () => {
    const config = parseConfig({ ...gemma, model_type: 'gemma2' })
    expect(config.layerTypes).toEqual(['sliding', 'full', 'sliding'])
    expect(config.softcaps).toEqual({ attention: 50, logits: 30 })
    expect(
      parseConfig({ ...gemma, model_type: 'gemma2', attn_logit_softcapping: null }).softcaps.attention,
    ).toBeUndefined()
  })

  it('slides every layer of Mistral, those of Qwen from max_window_layers on, and none where the window is off', () => {
    const types = (raw: object): string =>
      parseConfig({ ...llama, ...raw } as never)
        .layerTypes.map((type) => type[0])
        .join('')
    expect(types({ model_type: 'mistral', sliding_window: 5 })).toBe('sss')
    expect(types({ model_type: 'mistral', sliding_window: null })).toBe('fff')
    expect(types({ model_type: 'qwen2', use_sliding_window: true, sliding_window: 5, max_window_layers: 1 })).toBe(
      'fss',
    )
    expect(types({ model_type: 'qwen2', sliding_window: 5, max_window_layers: 1 })).toBe('fff')
    expect(
      types({
        model_type: 'qwen3',
        use_sliding_window: true,
        sliding_window: 5,
        layer_types: ['sliding_attention', 'full_attention', 'full_attention'],
      }),
    ).toBe('sff')
  })

  it('knows which layers have biases and which heads are normalised', () => {
    const of = (raw: object) => parseConfig({ ...llama, ...raw } as never)
    expect(of({ model_type: 'qwen2' }).biases).toEqual({
      queryKeyValue: true,
      attentionOutput: false,
      feedForward: false,
    })
    expect(of({ attention_bias: true, mlp_bias: true }).biases).toEqual({
      queryKeyValue: true,
      attentionOutput: true,
      feedForward: true,
    })
    expect(of({ model_type: 'qwen3' })).toMatchObject({ queryKeyNorms: true, headSize: 128 })
  })

  it('tells the four Baichuan models apart', () => {
    const { max_position_embeddings, ...rest } = { ...llama, model_type: 'baichuan', num_key_value_heads: 4 }
    const kind = (raw: object) => {
      const { positions, normalizedHead, maxPositions } = parseConfig(raw as never)
      return { positions, normalizedHead, maxPositions }
    }
    const first = { ...rest, vocab_size: 64000 }
    const second = { ...rest, vocab_size: 125696, tokenizer_class: 'BaichuanTokenizer' }
    expect(kind({ ...first, max_position_embeddings })).toEqual({
      positions: 'rope',
      normalizedHead: false,
      maxPositions: 64,
    })
    expect(kind({ ...first, model_max_length: 32 })).toEqual({
      positions: 'alibi',
      normalizedHead: false,
      maxPositions: 32,
    })
    expect(kind({ ...second, max_position_embeddings })).toEqual({
      positions: 'rope',
      normalizedHead: true,
      maxPositions: 64,
    })
    expect(kind({ ...second, model_max_length: 32 })).toEqual({
      positions: 'alibi',
      normalizedHead: true,
      maxPositions: 32,
    })
  })

  it('reads GPT-2 under its own names', () => {
    expect(parseConfig({ model_type: 'gpt2', n_embd: 32, n_head: 4, n_layer: 1, eos_token_id: 5 })).toMatchObject({
      hiddenSize: 32,
      heads: 4,
      headSize: 8,
      feedForwardSize: 128,
      vocabularySize: 50257,
      maxPositions: 1024,
      activation: 'gelu-tanh',
      norm: { kind: 'layer', epsilon: 1e-5, offset: 0 },
      positions: 'learned',
      rope: undefined,
      tiedEmbeddings: true,
    })
  })
})

describe('parseConfig refuses', () => {
  it('a model type it does not know, and lists those it does', () => {
    const error = errorOf({ ...llama, model_type: 'mamba' })
    expect(error.code).toBe('unsupported-model')
    expect(error.path).toBe('folder/config.json')
    for (const type of supportedModelTypes) expect(error.message).toContain(type)
  })

  it.each<[string, object, string, string]>([
    ['no model type', { model_type: undefined }, 'unsupported-model', 'model_type'],
    ['a model type that is a property of objects', { model_type: 'constructor' }, 'unsupported-model', 'model_type'],
    ['a quantised checkpoint', { quantization_config: { bits: 4 } }, 'unsupported-feature', 'quantization_config'],
    [
      'an unknown rope scaling',
      { rope_parameters: { rope_type: 'yarn', factor: 4 } },
      'unsupported-feature',
      'rope_type',
    ],
    [
      'a rope scaling without its factor',
      { rope_parameters: { rope_type: 'linear' } },
      'bad-config',
      'rope_parameters.factor',
    ],
    ['heads that do not divide the width', { num_attention_heads: 3 }, 'bad-config', 'num_attention_heads'],
    ['key heads that do not divide the heads', { num_key_value_heads: 3 }, 'bad-config', 'num_key_value_heads'],
    ['a missing size', { hidden_size: null }, 'bad-config', 'hidden_size'],
    ['a size of zero', { num_hidden_layers: 0 }, 'bad-config', 'num_hidden_layers'],
    ['a size that is text', { vocab_size: '96' }, 'bad-config', 'vocab_size'],
    ['an unknown activation', { hidden_act: 'mish' }, 'bad-config', 'hidden_act'],
    [
      'a bidirectional Gemma',
      { ...gemma, use_bidirectional_attention: true },
      'unsupported-feature',
      'use_bidirectional_attention',
    ],
    ['too few layer types', { ...gemma, layer_types: ['full_attention'] }, 'bad-config', 'layer_types'],
    ['unknown layer types', { ...gemma, layer_types: ['a', 'b', 'c'] }, 'bad-config', 'layer_types'],
    ['an end token that is text', { eos_token_id: '2' }, 'bad-config', 'eos_token_id'],
    ['half a rotation', { rope_parameters: { partial_rotary_factor: 0.3 } }, 'bad-config', 'partial_rotary_factor'],
    [
      'GPT-2 with cross attention',
      { model_type: 'gpt2', add_cross_attention: true },
      'unsupported-feature',
      'add_cross_attention',
    ],
    ['a Gemma 3 without its text part', { model_type: 'gemma3' }, 'bad-config', 'text_config'],
  ])('%s', (_, change, code, key) => {
    const error = errorOf({ ...llama, ...change })
    expect({ code: error.code, key: error.key }).toEqual({ code, key })
  })

  it('in one sentence that names file, key, what was expected and what was there', () => {
    expect(errorOf({ ...llama, num_key_value_heads: 3 }).message).toMatchInlineSnapshot(
      `"parseConfig: folder/config.json: expected num_key_value_heads to be a divisor of the 4 heads, got 3. Correct the file."`,
    )
  })

  it('any damaged value with a typed error, or reads it', () => {
    const value = fc.oneof(fc.constantFrom(null, '', 'x', [], {}, true, -1, 0, 0.5, 1e300), fc.integer())
    fc.assert(
      fc.property(
        fc.constantFrom(...supportedModelTypes),
        fc.constantFrom(...Object.keys(gemma)),
        value,
        (type, key, damaged) => {
          try {
            parseConfig({
              ...gemma,
              model_type: type,
              text_config: type === 'gemma3' ? gemma : undefined,
              [key]: damaged,
            })
          } catch (error) {
            expect(error).toBeInstanceOf(ModelsError)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
