/** Model families by their layer graph; `gemma3` is the text model of Gemma 3. */
export type Family = 'llama' | 'mistral' | 'qwen2' | 'qwen3' | 'gemma2' | 'gemma3' | 'gpt2' | 'phi3' | 'baichuan'

/** How rotary frequencies are stretched beyond the trained length. */
export type RopeScaling =
  | { readonly type: 'default' }
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'llama3'
      readonly factor: number
      readonly lowFrequencyFactor: number
      readonly highFrequencyFactor: number
      /** Positions the model was first trained on. */
      readonly originalMaxPositions: number
    }

/** One set of rotary frequencies. */
export interface Rope {
  /** Base of the geometric series of wavelengths. */
  readonly theta: number
  readonly scaling: RopeScaling
}

/** Rotary embedding of a model. */
export interface RopeConfig {
  /** Dimensions of a head that are rotated: `headSize`, or fewer where a model rotates a part only. */
  readonly size: number
  /** Layers of type `full`, and all layers where `local` is undefined. */
  readonly global: Rope
  /** Layers of type `sliding` (Gemma 3). */
  readonly local: Rope | undefined
}

/** What a layer's queries see: every earlier position, or the last `slidingWindow` of them (itself included). */
export type LayerType = 'full' | 'sliding'

/** Element-wise function of the feed-forward layer; `gelu-tanh` is GELU's tanh approximation. */
export type Activation = 'silu' | 'gelu' | 'gelu-tanh' | 'relu'

/** Which linear layers have a bias. */
export interface Biases {
  /** Query, key and value projections. */
  readonly queryKeyValue: boolean
  /** Output projection of attention. */
  readonly attentionOutput: boolean
  readonly feedForward: boolean
}

/** Number format of stored weights, as `dtype` or `torch_dtype` of a config names it. */
export type WeightDtype = 'float32' | 'float16' | 'bfloat16'

/**
 * A model's architecture, the same shape for every family, from the keys of transformers 4 and 5 alike. Sizes are
 * checked against each other; what a family does not have is stated (`undefined`, `false`, 1), never left out.
 */
export interface ModelConfig {
  readonly family: Family
  /** `model_type` of the file. */
  readonly modelType: string
  readonly vocabularySize: number
  readonly hiddenSize: number
  readonly layers: number
  /** Query heads. */
  readonly heads: number
  /** Key and value heads; divides `heads`. */
  readonly keyValueHeads: number
  /** Size of a head; not always `hiddenSize / heads`. */
  readonly headSize: number
  /** Inner size of the feed-forward layer. */
  readonly feedForwardSize: number

  readonly norm: {
    /** `rms` divides by the root mean square; `layer` also subtracts the mean and adds a bias (GPT-2). */
    readonly kind: 'rms' | 'layer'
    readonly epsilon: number
    /** 1 where the stored weight is the difference from one (Gemma), else 0. */
    readonly offset: 0 | 1
  }
  readonly activation: Activation
  readonly biases: Biases
  /** Query and key are normalised per head (Qwen 3, Gemma 3). */
  readonly queryKeyNorms: boolean
  /** The output head is the embedding. */
  readonly tiedEmbeddings: boolean
  /** Rows of the output head are normalised to length one before use (Baichuan 2). */
  readonly normalizedHead: boolean

  /** How positions enter: rotated queries and keys, a distance bias (Baichuan-13B), or a learned table (GPT-2). */
  readonly positions: 'rope' | 'alibi' | 'learned'
  /** Positions the model was trained for. */
  readonly maxPositions: number
  /** Defined where `positions` is `rope`. */
  readonly rope: RopeConfig | undefined

  /** One entry a layer. */
  readonly layerTypes: readonly LayerType[]
  /** Positions a sliding layer sees; undefined when every layer is full. */
  readonly slidingWindow: number | undefined

  /** Factor of the query-key products: 1/sqrt(headSize), or 1/sqrt(query_pre_attn_scalar) for Gemma. */
  readonly queryScale: number
  /** Factor of the looked-up embeddings: sqrt(hiddenSize) for Gemma, else 1. */
  readonly embeddingScale: number
  /** c in c·tanh(x/c), where a model limits its numbers so (Gemma 2). */
  readonly softcaps: { readonly attention: number | undefined; readonly logits: number | undefined }

  readonly bosId: number | undefined
  /** Ids that end a generation; a generation config may name others. */
  readonly eosIds: readonly number[]
  readonly padId: number | undefined
  /** Format that the weights were saved in, undefined when the file does not say. */
  readonly dtype: WeightDtype | undefined
  /** Standard deviation of initial weights. */
  readonly initializerRange: number
  /** The file as parsed, with every key, to write it out again. */
  readonly raw: Readonly<Record<string, unknown>>
}
