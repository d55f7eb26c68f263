import type { EvalEnd, StepEnd } from '../loop/events'
import type { Reporter } from './reporter'

/** What a progress bar is written to; `process.stderr` is one. */
export interface TextStream {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

/** Options of `progressBar`. */
export interface ProgressBarOptions {
  readonly stream: TextStream
  /** Name of the run, in front of every line. */
  readonly label?: string
  /** Overwrite one line (default: where the stream is a terminal); otherwise a line is written now and then. */
  readonly live?: boolean
  /** Without `live`: how many lines of progress a run writes, about; default 20. */
  readonly lines?: number
}

/** A reporter that shows steps, loss, tokens per second and time left. */
export const progressBar = ({ stream, label = 'train', live, lines = 20 }: ProgressBarOptions): Reporter => {
  const overwrite = live ?? stream.isTTY === true
  const line = (text: string) => stream.write(`${overwrite ? '\r\u001b[K' : ''}${label}  ${text}\n`)
  const show = (event: StepEnd): void => {
    if (overwrite) stream.write(`\r\u001b[K${barText(event, label, stream.columns ?? 80)}`)
    else if (isDue(event, lines)) line(`${counts(event)}  ${figures(event)}`)
  }
  return (event) => {
    if (event.type === 'step-end') show(event)
    if (event.type === 'warning') line(`warning: ${event.message}`)
    if (event.type === 'run-start' && event.resumedFrom)
      line(`goes on after step ${event.step} from ${event.resumedFrom}`)
    if (event.type === 'reference-step' && event.done === event.total) line('reference log-probabilities are ready')
    if (event.type === 'eval-end') line(evaluationText(event))
    if (event.type === 'run-end')
      line(`${event.reason === 'done' ? 'done' : 'stopped'} after ${event.step} steps in ${duration(event.seconds)}`)
  }
}

/** True for the first and last step and for steps spread evenly between them. */
const isDue = ({ step, totalSteps }: StepEnd, lines: number): boolean =>
  step === 1 ||
  step === totalSteps ||
  Math.floor((step * lines) / totalSteps) > Math.floor(((step - 1) * lines) / totalSteps)

const counts = ({ step, totalSteps }: StepEnd): string => `${`${step}`.padStart(`${totalSteps}`.length)}/${totalSteps}`

const figures = ({ loss, tokensPerSecond, etaSeconds }: StepEnd): string =>
  `loss ${loss.toFixed(4)}  ${grouped(Math.round(tokensPerSecond))} tokens/s  ${duration(etaSeconds)} left`

const barText = (event: StepEnd, label: string, columns: number): string => {
  const [before, after] = [`${label}  `, `  ${counts(event)}  ${figures(event)}`]
  const width = Math.min(40, columns - before.length - after.length - 1)
  if (width < 5) return `${before}${after.trim()}`.slice(0, columns - 1)
  const filled = Math.round((event.step / event.totalSteps) * width)
  return `${before}${'█'.repeat(filled)}${'░'.repeat(width - filled)}${after}`
}

const evaluationText = ({ step, loss, metrics }: EvalEnd): string =>
  [`evaluation after step ${step}: loss ${loss.toFixed(4)}`]
    .concat(Object.entries(metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`))
    .join('  ')

/** Digits in groups of three. */
const grouped = (value: number): string => `${value}`.replace(/\B(?=(\d{3})+$)/g, ',')

/** `45s`, `3m 20s` or `2h 05m`. */
export const duration = (seconds: number): string => {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole}s`
  const two = (value: number) => `${value}`.padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`
  return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`
}
