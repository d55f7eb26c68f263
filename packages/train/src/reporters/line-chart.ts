/** One line of a chart: points in order of x. */
export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

/** Options of `lineChart`. */
export interface LineChartOptions {
  readonly title: string
  readonly series: readonly Series[]
  /** Pixels of the drawing, which scales with the page. */
  readonly width?: number
  readonly height?: number
  /** Largest number of points drawn of one line; more are averaged. */
  readonly points?: number
}

/** A line chart as SVG text without outer style: colours come from the CSS variables `--line-0`, `--line-1`, `--grid`, `--ink`. */
export const lineChart = ({ title, series, width = 480, height = 240, points = 300 }: LineChartOptions): string => {
  const lines = series.map(({ name, points: all }) => ({ name, points: thinned(all.filter(isFinitePoint), points) }))
  const all = lines.flatMap((line) => line.points)
  if (all.length === 0) return emptyChart(title, width, height)
  const plot = { left: 52, right: width - 12, top: 30, bottom: height - 28 }
  const x = axis(
    all.map(([value]) => value),
    plot.left,
    plot.right,
  )
  const y = axis(
    all.map(([, value]) => value),
    plot.bottom,
    plot.top,
  )
  const path = (line: Series['points']) =>
    line.map(([px, py]) => `${round(x.place(px))},${round(y.place(py))}`).join(' ')
  const gridLines = y.ticks.map((value) => {
    const at = round(y.place(value))
    return `<line x1="${plot.left}" x2="${plot.right}" y1="${at}" y2="${at}" stroke="var(--grid)"/><text x="${plot.left - 6}" y="${at + 4}" text-anchor="end">${short(value)}</text>`
  })
  const labels = x.ticks.map(
    (value) => `<text x="${round(x.place(value))}" y="${height - 10}" text-anchor="middle">${short(value)}</text>`,
  )
  const drawn = lines.map((line, i) => drawLine(line, i, path(line.points)))
  const names =
    lines.length > 1 ? lines.map(({ name }, i) => legend(name, i, plot.right - 90 * (lines.length - i))) : []
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeText(title)}" font-size="11" fill="var(--ink)">`,
    `<text x="${plot.left}" y="16" font-size="13" font-weight="600">${escapeText(title)}</text>`,
    ...names,
    ...gridLines,
    ...labels,
    ...drawn,
    '</svg>',
  ].join('')
}

const drawLine = ({ name, points }: Series, index: number, path: string): string => {
  const last = points.at(-1)!
  const [cx, cy] = path.split(' ').at(-1)!.split(',')
  const tip = `<title>${escapeText(name)}: ${short(last[1])} at ${short(last[0])}</title>`
  return `<polyline points="${path}" fill="none" stroke="var(--line-${index})" stroke-width="1.6"/><circle cx="${cx}" cy="${cy}" r="3" fill="var(--line-${index})">${tip}</circle>`
}

const legend = (name: string, index: number, x: number): string =>
  `<circle cx="${x}" cy="12" r="4" fill="var(--line-${index})"/><text x="${x + 8}" y="16">${escapeText(name)}</text>`

const emptyChart = (title: string, width: number, height: number): string =>
  `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeText(title)}" font-size="13" fill="var(--ink)"><text x="52" y="16" font-weight="600">${escapeText(title)}</text><text x="52" y="${height / 2}">no values</text></svg>`

interface Axis {
  readonly ticks: readonly number[]
  place(value: number): number
}

/** Maps values to pixels from `begin` to `end`, with ticks at round numbers. */
const axis = (values: readonly number[], begin: number, end: number): Axis => {
  const low = values.reduce((a, b) => Math.min(a, b))
  const high = values.reduce((a, b) => Math.max(a, b))
  const margin = high > low ? 0 : Math.abs(high) * 0.1 || 1
  const [from, to] = [low - margin, high + margin]
  const step = roundStep((to - from) / 6)
  const first = Math.ceil(from / step)
  const ticks = Array.from({ length: Math.floor(to / step) - first + 1 }, (_, i) => (first + i) * step)
  return { ticks, place: (value) => begin + ((value - from) / (to - from)) * (end - begin) }
}

/** 1, 2 or 5 times a power of ten, at least `step`. */
const roundStep = (step: number): number => {
  const power = 10 ** Math.floor(Math.log10(step))
  return power * ([1, 2, 5].find((factor) => factor * power >= step) ?? 10)
}

/** Means of neighbouring points, at most `most` of them; the last point stays as it is. */
const thinned = (points: Series['points'], most: number): Series['points'] => {
  if (points.length <= most) return points
  const size = Math.ceil(points.length / (most - 1))
  const groups = Array.from({ length: Math.ceil(points.length / size) }, (_, i) =>
    points.slice(i * size, (i + 1) * size),
  )
  const mean = (group: Series['points'], at: 0 | 1) => group.reduce((sum, point) => sum + point[at], 0) / group.length
  return [...groups.map((group) => [mean(group, 0), mean(group, 1)] as const), points.at(-1)!]
}

const isFinitePoint = ([x, y]: readonly [number, number]): boolean => Number.isFinite(x) && Number.isFinite(y)

const round = (value: number): number => Math.round(value * 10) / 10

/** Four digits at most. */
const short = (value: number): string => {
  if (value === 0) return '0'
  const size = Math.abs(value)
  return size >= 1e5 || size < 1e-3 ? value.toExponential(1).replace('.0e', 'e') : `${Number(value.toPrecision(4))}`
}

/** Text that is safe between tags and in quoted attributes. */
export const escapeText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
