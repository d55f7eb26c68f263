import { expect, it } from 'vitest'
import { lineChart } from './line-chart'

const yOf = (svg: string): number[] =>
  /<polyline points="([^"]*)"/
    .exec(svg)![1]!
    .split(' ')
    .map((point) => Number(point.split(',')[1]))

it('draws higher values higher, from edge to edge', () => {
  const svg = lineChart({
    title: 'loss',
    series: [
      {
        name: 'train',
        points: [
          [0, 1],
          [1, 3],
          [2, 2],
        ],
      },
    ],
  })
  expect(yOf(svg)).toEqual([212, 30, 121])
})

it('leaves out values that are no numbers, and says so when none is left', () => {
  const series = (points: [number, number][]) => [{ name: 'train', points }]
  expect(
    yOf(
      lineChart({
        title: 'x',
        series: series([
          [0, 1],
          [1, Number.NaN],
          [2, 2],
        ]),
      }),
    ).length,
  ).toBe(2)
  expect(lineChart({ title: 'x', series: series([[0, Number.NaN]]) })).toContain('no values')
})

it('draws a constant in the middle', () => {
  expect(
    yOf(
      lineChart({
        title: 'x',
        series: [
          {
            name: 'a',
            points: [
              [0, 5],
              [1, 5],
            ],
          },
        ],
      }),
    ),
  ).toEqual([121, 121])
})

it('averages long lines down and keeps the last point', () => {
  const points = Array.from({ length: 10_000 }, (_, i) => [i, i] as const)
  const ys = yOf(lineChart({ title: 'x', series: [{ name: 'a', points }], points: 100 }))
  expect(ys.length).toBeLessThanOrEqual(100)
  expect(ys.at(-1)).toBe(30)
})
