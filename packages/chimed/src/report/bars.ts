import { binary, escapeHtml, number } from './html'

/** One bar: what it stands for and how much. */
export interface Bar {
  readonly name: string
  readonly value: number
  /** What is written at its end; the value when absent. */
  readonly label?: string | undefined
}

const width = 420

/** Horizontal bars as SVG, the name of each above it; colours come from the page (`--bar`, `--track`, `--ink`). */
export function barChart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(1, ...bars.map(({ value }) => value))
  const row = 34
  const drawn = bars.map(({ name, value, label = number(value) }, index) => {
    const y = index * row
    return (
      `<text x="0" y="${y + 14}">${escapeHtml(name)}</text><text x="${width}" y="${y + 14}" text-anchor="end">${escapeHtml(label)}</text>` +
      `<rect x="0" y="${y + 19}" width="${width}" height="9" rx="3" fill="var(--track)"/>` +
      `<rect x="0" y="${y + 19}" width="${Math.max(value > 0 ? 2 : 0, round((value / most) * width))}" height="9" rx="3" fill="var(--bar)"/>`
    )
  })
  return figure(title, width, bars.length * row, drawn)
}

/** Columns over bins of powers of two as SVG. */
export function histogram(title: string, bins: readonly (readonly [from: number, count: number])[]): string {
  const first = Math.max(0, Math.log2(Math.max(1, bins[0]?.[0] ?? 1)))
  const last = Math.log2(Math.max(1, bins.at(-1)?.[0] ?? 1))
  const counts = new Map(bins.map(([from, count]) => [Math.log2(Math.max(1, from)), count]))
  const columns = Array.from({ length: last - first + 1 }, (_, index) => counts.get(first + index) ?? 0)
  const most = Math.max(1, ...columns)
  const [top, base] = [18, 170]
  const step = width / columns.length
  const drawn = columns.map((count, index) => {
    const height = round((count / most) * (base - top))
    const x = round(index * step)
    const middle = round((index + 0.5) * step)
    const from = 2 ** (first + index)
    return (
      `<rect x="${x + 2}" y="${base - height}" width="${round(step) - 4}" height="${height}" rx="2" fill="var(--bar)"><title>${from} to ${2 * from - 1}: ${count}</title></rect>` +
      (count > 0 ? `<text x="${middle}" y="${base - height - 4}" text-anchor="middle">${number(count)}</text>` : '') +
      `<text x="${middle}" y="${base + 15}" text-anchor="middle">${binary(from)}</text>`
    )
  })
  return figure(title, width, base + 20, [
    ...drawn,
    `<line x1="0" x2="${width}" y1="${base}" y2="${base}" stroke="var(--rule)"/>`,
  ])
}

const figure = (title: string, wide: number, tall: number, drawn: readonly string[]): string =>
  `<figure><figcaption>${escapeHtml(title)}</figcaption><svg viewBox="0 0 ${wide} ${tall}" role="img" aria-label="${escapeHtml(title)}" font-size="12" fill="var(--ink)">${drawn.join('')}</svg></figure>`

const round = (value: number): number => Math.round(value * 10) / 10
