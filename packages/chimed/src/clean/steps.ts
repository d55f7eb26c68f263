import { hasBlank, mapTexts } from '../record'
import { drop } from '../sources/source'
import { rowStep, type Step } from '../step'
import type { ChimedRecord } from '../types'
import { type NormaliseOptions, normaliseText } from './normalise'
import { maskPersonalData, type PersonalDataOptions } from './personal-data'

/** A step that normalises every text; a record left without text in one of its parts is dropped as `empty`. */
export const normalise = (options: NormaliseOptions = {}): Step =>
  rowStep(
    'normalise',
    (record) => {
      const clean = changedTexts(record, (text) => normaliseText(text, { trimLines: 'text' in record, ...options }))
      if (hasBlank(clean)) return drop('empty', 'nothing is left of a text')
      return clean === record
        ? { record }
        : { record: clean, changed: { code: 'normalised', reason: 'spelling, blanks or invisible characters' } }
    },
    options,
  )

/** A step that masks personal data in every text; what was masked is counted by kind. */
export const maskPersonal = (options: PersonalDataOptions = {}): Step =>
  rowStep(
    'maskPersonal',
    (record) => {
      const kinds = new Set<string>()
      const masked = changedTexts(record, (text) => {
        const outcome = maskPersonalData(text, options)
        for (const kind of Object.keys(outcome.found)) kinds.add(kind)
        return outcome.text
      })
      if (kinds.size === 0) return { record }
      return { record: masked, changed: { code: `masked-${[...kinds].sort().join('+')}`, reason: 'personal data' } }
    },
    options,
  )

/** A step that brings every text to simplified or traditional characters; `convert` comes from `scriptConverter`. */
export const script = (convert: (text: string) => string): Step =>
  rowStep(
    'script',
    (record) => {
      const converted = changedTexts(record, convert)
      return converted === record
        ? { record }
        : { record: converted, changed: { code: 'script', reason: 'characters of the other script' } }
    },
    convert('简體'),
  )

/** The record with its texts changed, or the very record where no text differs. */
function changedTexts<T extends ChimedRecord>(record: T, change: (text: string) => string): T {
  let differs = false
  const changed = mapTexts(record, (text) => {
    const after = change(text)
    if (after !== text) differs = true
    return after
  })
  return differs ? changed : record
}
