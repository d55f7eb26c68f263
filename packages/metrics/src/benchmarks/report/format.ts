import type { Measure } from '../result'

/** Headings of measures; others are shown by their key. */
export const measureNames: Readonly<Record<string, string>> = {
  accuracy: 'Accuracy',
  macroAccuracy: 'Average',
  weightedF1: 'Weighted F1',
  bleu1: 'BLEU-1',
  bleu4: 'BLEU-4',
  rouge1: 'ROUGE-1',
  rouge2: 'ROUGE-2',
  rougeL: 'ROUGE-L',
  preferenceAccuracy: 'Preference accuracy',
}

/** Measures that are shares; BLEU and ROUGE are percentages already. */
const isShare = (key: string): boolean => !/^(bleu|rouge)/.test(key)

/** A measure in percent with its interval, such as `41.2 [38.0, 44.5]`; `–` without one. */
export function formatMeasure(
  key: string,
  measure: Measure | undefined,
  { interval = true }: { readonly interval?: boolean } = {},
): string {
  if (measure === undefined) return '–'
  const scale = isShare(key) ? 100 : 1
  const number = (value: number): string => (Number.isNaN(value) ? 'n/a' : (value * scale).toFixed(1))
  if (!interval || measure.ci95 === undefined) return number(measure.value)
  return `${number(measure.value)} [${number(measure.ci95[0])}, ${number(measure.ci95[1])}]`
}
