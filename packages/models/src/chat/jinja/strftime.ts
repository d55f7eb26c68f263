const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]

const two = (value: number): string => String(value).padStart(2, '0')

const fields: Readonly<Record<string, (time: Date) => string>> = {
  Y: (time) => String(time.getFullYear()),
  y: (time) => two(time.getFullYear() % 100),
  m: (time) => two(time.getMonth() + 1),
  d: (time) => two(time.getDate()),
  e: (time) => String(time.getDate()).padStart(2),
  H: (time) => two(time.getHours()),
  I: (time) => two(time.getHours() % 12 || 12),
  M: (time) => two(time.getMinutes()),
  S: (time) => two(time.getSeconds()),
  f: (time) => String(time.getMilliseconds() * 1000).padStart(6, '0'),
  p: (time) => (time.getHours() < 12 ? 'AM' : 'PM'),
  A: (time) => days[time.getDay()]!,
  a: (time) => days[time.getDay()]!.slice(0, 3),
  w: (time) => String(time.getDay()),
  u: (time) => String(time.getDay() || 7),
  B: (time) => months[time.getMonth()]!,
  b: (time) => months[time.getMonth()]!.slice(0, 3),
  h: (time) => months[time.getMonth()]!.slice(0, 3),
  j: (time) => String(dayOfYear(time)).padStart(3, '0'),
  D: (time) => strftime(time, '%m/%d/%y'),
  F: (time) => strftime(time, '%Y-%m-%d'),
  R: (time) => strftime(time, '%H:%M'),
  T: (time) => strftime(time, '%H:%M:%S'),
  c: (time) => strftime(time, '%a %b %e %H:%M:%S %Y'),
  x: (time) => strftime(time, '%m/%d/%y'),
  X: (time) => strftime(time, '%H:%M:%S'),
  Z: () => '',
  z: () => '',
  n: () => '\n',
  t: () => '\t',
  '%': () => '%',
}

/** A local time in the format of C's `strftime`, in English; `%-d` leaves out padding. Unknown fields stay as they are. */
export const strftime = (time: Date, format: string): string =>
  format.replace(/%(-?)([a-zA-Z%])/g, (whole, minus: string, field: string) => {
    const text = Object.hasOwn(fields, field) ? fields[field]!(time) : whole
    return minus === '-' ? text.replace(/^[0 ]+(?=\d)/, '') : text
  })

const dayOfYear = (time: Date): number =>
  1 +
  Math.round(
    (Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) - Date.UTC(time.getFullYear(), 0, 1)) / 86_400_000,
  )
