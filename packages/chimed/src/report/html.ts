/** Text that is safe between tags and in quoted attributes. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character]!)

/** A count in at most four characters and a unit: `1,234`, `56.7K`, `8.90M`. */
export function number(value: number): string {
  if (value < 10_000) return value.toLocaleString('en')
  const [unit, size] = value < 1e6 ? ['K', 1e3] : value < 1e9 ? ['M', 1e6] : ['G', 1e9]
  return `${(value / (size as number)).toPrecision(3)}${unit}`
}

/** A power of two in few characters: `512`, `8K`, `1M`. */
export const binary = (value: number): string =>
  value < 1024 ? String(value) : value < 1 << 20 ? `${value >>> 10}K` : `${value >>> 20}M`

/** A size in bytes as the tables of the paper write it: `620.8MB`. */
export const bytes = (value: number): string => {
  const [unit, size] = value < 1e6 ? ['KB', 1e3] : value < 1e9 ? ['MB', 1e6] : ['GB', 1e9]
  return `${(value / (size as number)).toFixed(1)}${unit}`
}

/** A table whose first column is text and whose others are numbers; wide ones scroll by themselves. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<div class="scroll"><table><thead><tr>${head.map((cell) => `<th>${escapeHtml(cell)}</th>`).join('')}</tr></thead><tbody>${rows
    .map((cells) => `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`)
    .join('')}</tbody></table></div>`

/** The style of a report: one column on a phone, charts side by side on a desk, dark where the reader's system is. */
export const style = `
:root{color-scheme:light dark;--ink:#1f2733;--soft:#5b6675;--paper:#f6f7f9;--card:#fff;--rule:#d9dee6;--track:#e9edf3;--bar:#0b7285;--warn:#fff4d6;--warn-rule:#e8a200}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa5b4;--paper:#12161d;--card:#1a202a;--rule:#2f3947;--track:#283140;--bar:#3bc9db;--warn:#3a3016;--warn-rule:#e8a200}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:1080px;margin:0 auto;padding:20px 16px 64px}h1{font-size:1.6rem;line-height:1.25;margin:.2em 0 .5em;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.2em 0 .7em;border-bottom:2px solid var(--bar);padding-bottom:.2em}h3{font-size:1rem;margin:1.4em 0 .5em}
.notice{background:var(--warn);border-left:4px solid var(--warn-rule);padding:10px 14px;border-radius:4px}small,.soft{color:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;margin:18px 0}
.card,figure,.scroll,details{background:var(--card);border:1px solid var(--rule);border-radius:8px}.card{padding:10px 14px}.card b{display:block;font-size:1.45rem;color:var(--bar)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:16px;margin-top:16px}
figure{margin:0;padding:12px 14px}figcaption{font-weight:600;margin-bottom:6px}svg{display:block;width:100%;height:auto;font-family:inherit}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--rule)}tbody tr:last-child td{border-bottom:0}
th{font-size:.85rem;color:var(--soft)}th:first-child,td:first-child{text-align:left}
details{padding:8px 14px;margin:8px 0}@media(max-width:640px){th,td{padding:5px 7px;font-size:.85rem}th:first-child,td:first-child{white-space:normal;min-width:8.5em;overflow-wrap:anywhere}}
summary{cursor:pointer}details p{margin:6px 0;overflow-wrap:anywhere}`
