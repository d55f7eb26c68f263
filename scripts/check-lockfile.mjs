/**
 * Checks that package-lock.json serves every platform: each name in an entry's optionalDependencies must be an entry
 * itself, because `npm install` leaves out, without a word, what the registry did not serve, and `npm ci` then fails for
 * others. Also that one onnxruntime-node serves all. Prints what is missing; exits with 1.
 */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

/** Packages of which two copies would cost hundreds of MB, or split state that must be shared. */
const single = ['onnxruntime-node']

/** One sentence for each thing that is wrong with a lockfile (version 3), none when it is complete. */
export const lockfileProblems = ({ packages }) => [
  ...Object.entries(packages).flatMap(([path, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => find(packages, path, name) === undefined)
      .map(
        ([name, range]) =>
          `${path || 'the root'}: optional dependency ${name}@${range} is not in the lockfile. Pin a version whose platforms are all served.`,
      ),
  ),
  ...single.flatMap((name) => {
    const copies = Object.keys(packages).filter(
      (path) => path === `node_modules/${name}` || path.endsWith(`/node_modules/${name}`),
    )
    return copies.length > 1
      ? [`${name} is there ${copies.length} times: ${copies.join(', ')}. Add it to overrides.`]
      : []
  }),
]

/** The entry that `name` resolves to from `path`, looked for as Node does: from the innermost node_modules outwards. */
const find = (packages, path, name) => {
  for (let folder = path; ; folder = parent(folder)) {
    const found = packages[folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`]
    if (found !== undefined || folder === '') return found
  }
}

const parent = (path) => path.slice(0, Math.max(0, path.lastIndexOf('/')))

const main = (file) => {
  const lock = JSON.parse(readFileSync(file, 'utf8'))
  const problems = lockfileProblems(lock)
  for (const problem of problems) console.log(problem)
  console.log(`lockfile: ${Object.keys(lock.packages).length} entries, ${problems.length} problems`)
  process.exitCode = problems.length > 0 ? 1 : 0
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv[2] ?? 'package-lock.json')
