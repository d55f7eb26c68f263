/** About what a chart is shown at, on a phone and beside others: letters keep their size. */
const width = 340
/** Where bars begin and end. */
const [left, right] = [66, width - 60]

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char]!)

/** Bars with intervals: one group a row, values between 0 and 1. */
export const barChart = (
  title: string,
  bars: readonly { readonly name: string; readonly value: number; readonly ci95: readonly [number, number] }[],
): string => {
  const row = 26
  const tall = bars.length * row + 8
  const px = (value: number) => left + value * (right - left)
  const drawn = bars.map(({ name, value, ci95: [low, high] }, i) => {
    const y = i * row + 8
    return `<text x="${left - 6}" y="${y + 13}" text-anchor="end">${escaped(name)}</text><rect x="${left}" y="${y}" width="${Math.max(0, px(value) - left)}" height="16" rx="3" fill="#0b7285" opacity="0.85"/><line x1="${px(low)}" x2="${px(high)}" y1="${y + 8}" y2="${y + 8}" stroke="#212529" stroke-width="1.4"/><text x="${width - 4}" y="${y + 13}" text-anchor="end">${(100 * value).toFixed(1)}%</text>`
  })
  return `<figure><figcaption>${escaped(title)}</figcaption><svg viewBox="0 0 ${width} ${tall}" role="img" aria-label="${escaped(title)}">${drawn.join('')}</svg></figure>`
}

/** A table whose first column is text and whose others are numbers. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<div class="scroll"><table><thead><tr>${head.map((cell) => `<th>${escaped(cell)}</th>`).join('')}</tr></thead><tbody>${rows
    .map((cells) => `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`)
    .join('')}</tbody></table></div>`

export { escaped as escapeHtml }
