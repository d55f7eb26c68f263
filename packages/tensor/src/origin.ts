/** Frames kept of a stack: gradients are deep inside the package when they build their nodes. */
const depth = 40

/** Where the caller stands, to be formatted only when somebody asks. */
export const recordOrigin = (): Error => {
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = depth
  const origin = new Error()
  Error.stackTraceLimit = before
  return origin
}

/** `path:line:column` of the innermost frame outside this package; undefined where there is none, as in a single bundle. */
export const sourceLine = (origin: Error): string | undefined => {
  const own = pathOf(new URL('..', import.meta.url).href) // the package, from its sources as from its build
  const places = (origin.stack ?? '')
    .split('\n')
    .flatMap((line) => /\(?((?:file:\/\/|\/|[A-Z]:|https?:).*:\d+:\d+)\)?$/.exec(line)?.[1] ?? [])
  return places.map(pathOf).find((place) => !place.startsWith(own) || /\.test\.ts:/.test(place))
}

const pathOf = (url: string): string =>
  decodeURI(url).replace(/^file:\/\/(\/[A-Z]:)?/, (_, drive = '') => drive.slice(1))
