/** One thing that was checked about the packages. */
export interface Check {
  /** What was checked, such as `@qilin-med/tensor publint`. */
  readonly name: string
  /** What is wrong, a sentence each; empty when it passed. */
  readonly problems: readonly string[]
}

/** A check, with an exception counted as its problem. */
export const check = async (
  name: string,
  problems: () => readonly string[] | Promise<readonly string[]>,
): Promise<Check> => {
  try {
    return { name, problems: await problems() }
  } catch (error) {
    return { name, problems: [error instanceof Error ? error.message : String(error)] }
  }
}

/** A line for the check, and one for each problem below it. */
export const formatCheck = ({ name, problems }: Check): string =>
  problems.length === 0
    ? `ok   ${name}`
    : [`FAIL ${name}`, ...problems.map((problem) => `     ${indent(problem)}`)].join('\n')

/** The closing line. */
export const formatCounts = (checks: readonly Check[]): string => {
  const failed = checks.filter(({ problems }) => problems.length > 0).length
  return `${checks.length - failed} passed, ${failed} failed`
}

const indent = (text: string): string => text.trim().replaceAll('\n', '\n     ')
