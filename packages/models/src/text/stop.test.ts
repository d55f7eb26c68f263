import { expect, it } from 'vitest'
import { stopCutter } from './stop'

const cut = (stops: string[], pieces: string[]): string[] => {
  const cutter = stopCutter(stops)
  return [...pieces.map((piece) => cutter.push(piece)), cutter.end()]
}

it('passes text on, and nothing from a stop text on', () => {
  expect(cut(['\n'], ['一', '二\n三', '四'])).toEqual(['一', '二', '', ''])
})

it('holds back what may begin a stop text, and gives it when it did not', () => {
  expect(cut(['问：'], ['答', '问', '题', '问'])).toEqual(['答', '', '问题', '', '问'])
  expect(cut(['ab', 'bcd'], ['xa', 'bcd'])).toEqual(['x', '', ''])
})

it('cuts at the first of several', () => {
  expect(cut(['c', 'b'], ['abc'])).toEqual(['a', ''])
})
