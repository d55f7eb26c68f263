/** Version of sacrebleu whose semantics and signatures BLEU, chrF and TER follow. */
export const sacrebleuVersion = '2.6.0'

/** A reproducibility signature: `name:value` pairs joined by `|`, booleans as yes and no. */
export function signature(fields: Readonly<Record<string, string | number | boolean | undefined>>): string {
  return Object.entries({ ...fields, version: sacrebleuVersion })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}:${typeof value === 'boolean' ? (value ? 'yes' : 'no') : value}`)
    .join('|')
}

/** Fields that all metrics share, in sacrebleu's order. */
export const sharedFields = (references: number | 'var', bootstrap?: { samples: number; seed: number }) => ({
  nrefs: references,
  bs: bootstrap?.samples,
  seed: bootstrap?.seed,
})
