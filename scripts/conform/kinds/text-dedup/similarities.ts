import { characterGrams, editSimilarity, jaccard, nearDuplicates } from '@qilin-med/chimed'
import type { Case } from '../../kind'
import { readGolden } from '../chimed/golden'
import { exact, largest } from './compare'

interface Similarities {
  readonly documents: readonly string[]
  readonly pairs: readonly (readonly number[])[]
  readonly edit: readonly (readonly [number, number, number])[]
  readonly connected_components: Readonly<Record<string, { readonly root: readonly number[] }>>
}

/** Similarities of pairs, and connected components. */
export function similarityCases(golden: string): Case[] {
  const found = readGolden<Similarities>(golden, 'text/dedup/jaccard')
  if (!found) return []
  const { documents, pairs, edit, connected_components: components } = found
  const path = 'text/dedup/jaccard'
  const similarity = (n: number, column: number): Case => ({
    path,
    name: `jaccard ${n}`,
    run: () => ({
      difference: largest(
        pairs.map((row) =>
          Math.abs(
            jaccard(characterGrams(documents[row[0]!]!, n), characterGrams(documents[row[1]!]!, n)) - row[column]!,
          ),
        ),
      ),
      tolerance: exact,
      detail: `${pairs.length} pairs`,
    }),
  })
  return [
    similarity(5, 4),
    similarity(1, 5),
    similarity(3, 6),
    {
      path,
      name: 'edit similarity',
      run: () => ({
        difference: largest(
          edit.map(([i, j, value]) => Math.abs(editSimilarity(documents[i]!, documents[j]!) - value)),
        ),
        tolerance: exact,
      }),
    },
    ...Object.entries(components).map(
      ([threshold, { root }]): Case => ({
        path,
        name: `components ${threshold}`,
        run: () => {
          const { roots, compared } = nearDuplicates(documents, { threshold: Number(threshold), recall: 0.99999 })
          return {
            difference: root.filter((value, index) => roots[index] !== value).length,
            tolerance: 0,
            detail: `${compared} pairs compared of ${documents.length} documents`,
          }
        },
      }),
    ),
  ]
}
