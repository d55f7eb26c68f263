import { join, relative } from 'node:path'
import { Application, type DeclarationReflection, LogLevel } from 'typedoc'
import { type Package, workspacePackages } from '../packages/workspace'

/** How the API reference came out. */
export interface Reference {
  /** Entries documented, such as `@qilin-med/tensor/node`. */
  readonly entries: number
  /** Exports without a doc comment, links to nothing, and what typedoc could not read. */
  readonly problems: number
  /** Comments that typedoc reads but finds odd, such as an `@param` of a destructured option. */
  readonly warnings: number
}

const documentedKinds = ['Variable', 'Function', 'Class', 'Interface', 'TypeAlias', 'Enum']

/** Writes the API reference of every package as HTML; an export without a doc comment is a problem. */
export const writeReference = async (root: string, out: string): Promise<Reference> => {
  const sources = new Map(workspacePackages(root).flatMap(entrySources))
  const app = await Application.bootstrap({
    name: 'Qilin-Med',
    entryPoints: [...sources.keys()],
    tsconfig: join(root, 'tsconfig.json'),
    readme: 'none',
    githubPages: false,
    basePath: root,
    disableGit: true,
    sourceLinkTemplate: 'https://github.com/qilin-med/qilin-med/blob/main/{path}#L{line}',
    excludeInternal: true,
    excludePrivate: true,
    skipErrorChecking: true, // `npm run types` does that
    validation: { notExported: false, invalidLink: true, notDocumented: true },
    requiredToBeDocumented: documentedKinds as never,
    logLevel: LogLevel.Warn,
  })
  const project = await app.convert()
  if (!project) throw new Error('docs: typedoc could not read the packages; its messages are above.')
  for (const module of project.children ?? []) nameModule(module, root, sources)
  const warnings = app.logger.warningCount
  app.validate(project)
  const problems = app.logger.warningCount - warnings
  await app.generateDocs(project, out)
  return { entries: sources.size, problems: problems + app.logger.errorCount, warnings }
}

/** Source file of each entry of a package, with the name that users import it by. */
const entrySources = ({ entries, folder, manifest, name }: Package): [string, string][] =>
  entries.map((entry) => {
    const target = manifest.exports[`.${entry.slice(name.length)}`] as { source: string }
    return [join(folder, target.source), entry]
  })

/** Modules are listed under the name that users import, not under their place in the repository. */
const nameModule = (module: DeclarationReflection, root: string, sources: ReadonlyMap<string, string>): void => {
  const file = module.sources?.[0]?.fullFileName
  const entry = file && [...sources].find(([source]) => relative(root, source) === relative(root, file))?.[1]
  if (entry) module.name = entry
}
