import type { EvaluationResult, Measure, TaskResult } from '../result'

/**
 * Results as lm-evaluation-harness lays them out: `results`, `n-samples`, `higher_is_better`, `configs` and, with `samples`, every row.
 * Beside `acc` and its standard error stand the interval and the counts that it lacks.
 */
export function harnessJson(
  { model, tasks }: EvaluationResult,
  { samples = false }: { readonly samples?: boolean } = {},
): string {
  const byTask = <T>(of: (task: TaskResult) => T): Record<string, T> =>
    Object.fromEntries(tasks.map((task) => [task.task, of(task)]))
  const report = {
    model_name: model,
    results: byTask(measuresOf),
    groups: byTask((task) => task.groups),
    'n-samples': byTask((task) => ({ original: task.rows.length, effective: task.rows.length - task.failed })),
    higher_is_better: byTask((task) =>
      Object.fromEntries(Object.keys(task.measures).map((key) => [shortName(key), true])),
    ),
    configs: byTask((task) => task.settings),
    dropped: byTask((task) => task.dropped),
    ...(samples && { samples: byTask((task) => task.rows) }),
  }
  return JSON.stringify(
    report,
    (_, value) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value),
    2,
  )
}

const shortName = (key: string): string => (key === 'accuracy' ? 'acc' : key)

function measuresOf(task: TaskResult): Record<string, unknown> {
  return {
    alias: task.title,
    failed: task.failed,
    ...Object.assign({}, ...Object.entries(task.measures).map(([key, measure]) => entriesOf(shortName(key), measure))),
  }
}

const entriesOf = (name: string, { value, ci95, n, unparsed, valueOfParsed }: Measure): Record<string, unknown> => ({
  [`${name},none`]: value,
  // Half the width of a normal 95% interval is 1.96 standard errors.
  [`${name}_stderr,none`]: ci95 === undefined ? 'N/A' : (ci95[1] - ci95[0]) / (2 * 1.959963984540054),
  [`${name}_ci95`]: ci95,
  [`${name}_n`]: n,
  ...(unparsed !== undefined && { [`${name}_unparsed`]: unparsed }),
  ...(valueOfParsed !== undefined && { [`${name}_of_parsed`]: valueOfParsed }),
})
