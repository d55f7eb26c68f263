/** One line of a chart. */
export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

const [width, height, left, bottom, top, right] = [560, 220, 48, 28, 12, 12]
const colours = ['#0b7285', '#e8590c', '#5f3dc4', '#2b8a3e', '#c2255c']

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char]!)

/** Round numbers between `low` and `high`, for an axis. */
const ticks = (low: number, high: number, count: number): number[] => {
  const raw = (high - low) / count || 1
  const magnitude = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((candidate) => candidate >= raw)!
  const values: number[] = []
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) values.push(value)
  return values
}

const short = (value: number): string => String(Number(value.toPrecision(3)))

/** A line chart as inline SVG that scales with the page. */
export const lineChart = (title: string, series: readonly Series[]): string => {
  const points = series.flatMap((line) => line.points).filter(([, y]) => Number.isFinite(y))
  if (points.length === 0) return ''
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(0, ...ys), Math.max(...ys)]
  const px = (x: number) => left + ((x - x0) / (x1 - x0 || 1)) * (width - left - right)
  const py = (y: number) => height - bottom - ((y - y0) / (y1 - y0 || 1)) * (height - bottom - top)
  const grid = ticks(y0, y1, 4).map(
    (y) =>
      `<line x1="${left}" x2="${width - right}" y1="${py(y)}" y2="${py(y)}" stroke="#dee2e6"/><text x="${left - 6}" y="${py(y) + 4}" text-anchor="end">${short(y)}</text>`,
  )
  const axis = ticks(x0, x1, 5).map(
    (x) => `<text x="${px(x)}" y="${height - 8}" text-anchor="middle">${short(x)}</text>`,
  )
  const lines = series.map(({ points: own }, i) => {
    const path = own.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(' ')
    return `<polyline fill="none" stroke="${colours[i % colours.length]}" stroke-width="1.8" points="${path}"/>`
  })
  const legend =
    series.length > 1
      ? series
          .map(({ name }, i) => `<tspan fill="${colours[i % colours.length]}" dx="10">${escaped(name)}</tspan>`)
          .join('')
      : ''
  return `<figure><figcaption>${escaped(title)}</figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">${grid.join('')}${axis.join('')}${lines.join('')}${legend && `<text x="${left}" y="${top + 4}">${legend}</text>`}</svg></figure>`
}

/** Bars with intervals: one group a row, values between 0 and 1. */
export const barChart = (
  title: string,
  bars: readonly { readonly name: string; readonly value: number; readonly ci95: readonly [number, number] }[],
): string => {
  const row = 26
  const tall = bars.length * row + 24
  const px = (value: number) => 110 + value * (width - 170)
  const drawn = bars.map(({ name, value, ci95: [low, high] }, i) => {
    const y = i * row + 8
    return `<text x="102" y="${y + 13}" text-anchor="end">${escaped(name)}</text><rect x="110" y="${y}" width="${Math.max(0, px(value) - 110)}" height="16" rx="3" fill="${colours[0]}" opacity="0.85"/><line x1="${px(low)}" x2="${px(high)}" y1="${y + 8}" y2="${y + 8}" stroke="#212529" stroke-width="1.4"/><text x="${width - 8}" y="${y + 13}" text-anchor="end">${(100 * value).toFixed(1)}%</text>`
  })
  return `<figure><figcaption>${escaped(title)}</figcaption><svg viewBox="0 0 ${width} ${tall}" role="img" aria-label="${escaped(title)}">${drawn.join('')}</svg></figure>`
}

/** A table whose first column is text and whose others are numbers. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<div class="scroll"><table><thead><tr>${head.map((cell) => `<th>${escaped(cell)}</th>`).join('')}</tr></thead><tbody>${rows
    .map((cells) => `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`)
    .join('')}</tbody></table></div>`

export { escaped as escapeHtml }
