import { bandsForRecall } from '../dedup/bands'

/** Near-duplicate settings that other tools are configured with. */
export interface MinhashSettings {
  /** Default 0.8. */
  readonly threshold?: number | undefined
  /** Characters of a shingle (default 5). */
  readonly n?: number | undefined
  /** Default 128. */
  readonly permutations?: number | undefined
}

const settled = ({ threshold = 0.8, n = 5, permutations = 128 }: MinhashSettings) => ({
  threshold,
  n,
  permutations,
  ...bandsForRecall({ threshold, permutations }),
})

/** A configuration of Data-Juicer: exact and MinHash deduplication over characters. */
export function dataJuicerConfig(settings: MinhashSettings = {}): string {
  const { threshold, n, permutations, bands, rows } = settled(settings)
  return `# Run beside the folder data: dj-process --config process.yaml
project_name: 'chimed'
dataset_path: './data'
export_path: './deduplicated/chimed.jsonl'
np: 4
text_keys: 'text'
process:
  - document_deduplicator:
      lowercase: false
      ignore_non_character: false
  - document_minhash_deduplicator:
      tokenization: 'character'
      window_size: ${n}
      lowercase: false
      ignore_pattern: null
      num_permutations: ${permutations}
      jaccard_threshold: ${threshold}
      num_bands: ${bands}
      num_rows_per_band: ${rows}
`
}

/** A program for datatrove: its four stages of MinHash over characters of Chinese, on local processes or Slurm. */
export function datatrovePipeline({ tasks, ...settings }: MinhashSettings & { readonly tasks: number }): string {
  const { n, bands, rows } = settled(settings)
  return `"""MinHash deduplication of the folder data with datatrove: python minhash.py. For Slurm use SlurmPipelineExecutor with the same pipelines."""
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.typeshelper import Languages

TASKS = ${tasks}
# datatrove counts n-grams of words, which it cuts by language.
config = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=${bands}, hashes_per_bucket=${rows}, n_grams=${n})


def reader():
    return JsonlReader("data", text_key="text", id_key="id")


def run(pipeline, tasks, name):
    LocalPipelineExecutor(pipeline=pipeline, tasks=tasks, logging_dir=f"logs/{name}").run()


if __name__ == "__main__":
    run([reader(), MinhashDedupSignature(output_folder="minhash/signatures", config=config, language=Languages.chinese)], TASKS, "signatures")
    run([MinhashDedupBuckets(input_folder="minhash/signatures", output_folder="minhash/buckets", config=config)], config.num_buckets, "buckets")
    run([MinhashDedupCluster(input_folder="minhash/buckets", output_folder="minhash/remove", config=config)], 1, "cluster")
    run([reader(), MinhashDedupFilter(input_folder="minhash/remove"), JsonlWriter("deduplicated")], TASKS, "filter")
`
}
