import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parametersOf, parseConfig, writeCheckpoint } from '@qilin-med/models'
import { fillNormal, foldIn, randomKey } from '@qilin-med/tensor'

/** Characters that the tiny tokenizer knows; everything else is `<unk>`. */
const characters = [...'abcdefghij klmnopqrstuvwxyz:?\n.QA'].filter((c, i, all) => all.indexOf(c) === i)
const specials = ['<unk>', '<s>', '</s>']

const rawConfig = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: specials.length + characters.length,
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  hidden_act: 'silu',
  tie_word_embeddings: false,
  bos_token_id: 1,
  eos_token_id: 2,
  torch_dtype: 'float32',
}

/** Writes a random one-layer Llama with a tokenizer of single characters, as a Hugging Face folder. */
export const writeTinyCheckpoint = async (folder: string): Promise<void> => {
  const config = parseConfig(rawConfig, 'config.json')
  const tensors = parametersOf(config).map(({ name, shape }, i) => {
    const data = new Float32Array(shape.reduce((product, length) => product * length, 1))
    return {
      name,
      shape,
      dtype: 'float32' as const,
      data: shape.length === 1 ? data.fill(1) : fillNormal(foldIn(randomKey(3), i), data, 0.3),
    }
  })
  await writeCheckpoint(folder, { config: rawConfig, tensors })
  const vocabulary = Object.fromEntries([...specials, ...characters].map((token, id) => [token, id]))
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizerJson(vocabulary)))
  const settings = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<s>',
    eos_token: '</s>',
    unk_token: '<unk>',
  }
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(settings))
}

const tokenizerJson = (vocab: Record<string, number>) => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: specials.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: '<unk>',
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    vocab,
    merges: [],
  },
})
