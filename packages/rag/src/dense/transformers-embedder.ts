import { RagError, shown, wholeNumber } from '../errors'
import type { Embedder } from './embedder'

/** A feature-extraction pipeline of Transformers.js, as far as it is used here. */
export type FeatureExtraction = (
  texts: string[],
  options: { pooling: 'cls' | 'mean' | 'last_token'; normalize: boolean },
) => Promise<{ readonly data: ArrayLike<number>; readonly dims: readonly number[] }>

/** Options of `transformersEmbedder`. */
export interface TransformersEmbedderOptions {
  /** How token vectors become one: as the model was trained (bge: `cls`, text2vec and e5: `mean`, Qwen embeddings: `last_token`). */
  readonly pooling?: 'cls' | 'mean' | 'last_token'
  /** Which of the folder's ONNX files: `q8` reads `onnx/model_quantized.onnx`, `fp32` `onnx/model.onnx`. */
  readonly dtype?: string
  /**
   * Texts in one run of the model. An int8 model quantises its activations over the whole batch, so the vector of a text
   * then depends on its company (cosine about 0.995); with 1 it does not.
   */
  readonly batch?: number
  /** Lower-case texts first: for vocabularies without capital letters, where CT and MRI are otherwise one unknown token. */
  readonly lowerCase?: boolean
  /** Put before queries, for models trained with an instruction. */
  readonly queryPrefix?: string
  /** Put before documents (e5: `passage: `). */
  readonly documentPrefix?: string
  /** Passed on when a folder is loaded, to ONNX Runtime (`{ intraOpNumThreads: 1 }`). */
  readonly sessionOptions?: Readonly<Record<string, unknown>> | undefined
}

/** Options that fit bge-small-zh-v1.5 and its relatives in int8. */
export const bgeChinese: TransformersEmbedderOptions = { pooling: 'cls', dtype: 'q8', batch: 1, lowerCase: true }

/**
 * An embedder over a Transformers.js pipeline, or over a model folder, for which `@xenova/transformers` (an alias of
 * `@huggingface/transformers` 4) or `@huggingface/transformers` itself is loaded on this call. Only the folder is read;
 * nothing is downloaded.
 *
 * @param model  a folder with `config.json`, `tokenizer.json` and `onnx/`, or a feature-extraction pipeline
 * @throws RagError (`dependency`) when the package is missing or older than version 3, (`file`) when the folder lacks a file
 * @see https://huggingface.co/docs/transformers.js
 */
export async function transformersEmbedder(
  model: string | FeatureExtraction,
  options: TransformersEmbedderOptions = {},
): Promise<Embedder> {
  const { pooling = 'cls', batch = 1, lowerCase = false, queryPrefix = '', documentPrefix = '' } = options
  wholeNumber('transformersEmbedder', 'batch', batch, 1)
  const extract = typeof model === 'string' ? await pipelineOf(model, options) : model
  const prepare = (text: string, prefix: string): string => prefix + (lowerCase ? text.toLowerCase() : text)
  const run = async (texts: string[]): Promise<Float32Array[]> => {
    const { data, dims } = await extract(texts, { pooling, normalize: true })
    return rowsOf(data, dims, texts.length)
  }
  const [probe] = await run([prepare('文', documentPrefix)])
  return {
    dimensions: probe!.length,
    async embed(texts, { kind, signal }) {
      const prepared = texts.map((text) => prepare(text, kind === 'query' ? queryPrefix : documentPrefix))
      const vectors: Float32Array[] = []
      for (let start = 0; start < prepared.length; start += batch) {
        signal?.throwIfAborted()
        vectors.push(...(await run(prepared.slice(start, start + batch))))
      }
      return vectors
    },
  }
}

function rowsOf(data: ArrayLike<number>, dims: readonly number[], count: number): Float32Array[] {
  const width = dims[1]
  if (dims.length !== 2 || dims[0] !== count || width === undefined || data.length !== count * width)
    throw new RagError(
      'embedding',
      `transformersEmbedder: expected a tensor of [${count}, dimensions], got [${dims.join(', ')}]. Pass a feature-extraction pipeline.`,
      { operation: 'transformersEmbedder' },
    )
  const values = Float32Array.from(data)
  return Array.from({ length: count }, (_, i) => values.slice(i * width, (i + 1) * width))
}

async function pipelineOf(
  folder: string,
  { dtype = 'q8', sessionOptions }: TransformersEmbedderOptions,
): Promise<FeatureExtraction> {
  const { pipeline, env } = await transformers()
  if (/^[12]\./.test(env.version))
    throw new RagError(
      'dependency',
      `transformersEmbedder: expected version 3 or later of Transformers.js, got ${env.version}. Install @huggingface/transformers@4, or that under the name @xenova/transformers.`,
      { operation: 'transformersEmbedder' },
    )
  try {
    return (await pipeline('feature-extraction', asPath(folder), {
      dtype,
      local_files_only: true,
      ...(sessionOptions === undefined ? {} : { session_options: sessionOptions }),
    })) as FeatureExtraction
  } catch (cause) {
    throw new RagError(
      'file',
      `transformersEmbedder: expected a model folder with config.json, tokenizer.json and onnx/ at ${shown(folder)}, got: ${(cause as Error).message.trim()} Check the path and dtype.`,
      { operation: 'transformersEmbedder', path: folder, cause },
    )
  }
}

/** `models/bge` looks like the name of a model on the hub; `./models/bge` is a folder. */
const asPath = (folder: string): string => (/^([./\\]|[A-Za-z]:[\\/])/.test(folder) ? folder : `./${folder}`)

interface Transformers {
  readonly env: { readonly version: string }
  pipeline(task: 'feature-extraction', model: string, options: object): Promise<unknown>
}

async function transformers(): Promise<Transformers> {
  const names = ['@xenova/transformers', '@huggingface/transformers']
  const failures: unknown[] = []
  for (const name of names) {
    try {
      return (await import(name)) as Transformers
    } catch (error) {
      failures.push(error)
    }
  }
  throw new RagError(
    'dependency',
    `transformersEmbedder: expected the package @huggingface/transformers, got ${failures.map((one) => (one as Error).message).join('; ')}. Install it, or pass an embedder of your own.`,
    { operation: 'transformersEmbedder', cause: failures[0] },
  )
}
