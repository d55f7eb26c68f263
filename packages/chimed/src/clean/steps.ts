import { hasBlank, mapTexts, textOf } from '../record'
import { drop } from '../sources/source'
import { rowStep, type Step } from '../step'
import { type NormaliseOptions, normaliseText } from './normalise'

/** A step that normalises every text; a record left without text in one of its parts is dropped as `empty`. */
export const normalise = (options: NormaliseOptions = {}): Step =>
  rowStep('normalise', (record) => {
    const clean = mapTexts(record, (text) => normaliseText(text, { trimLines: 'text' in record, ...options }))
    if (hasBlank(clean)) return drop('empty', 'nothing is left of a text')
    return textOf(clean) === textOf(record)
      ? { record }
      : { record: clean, changed: { code: 'normalised', reason: 'spelling, blanks or invisible characters' } }
  })
