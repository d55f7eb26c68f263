import { dirname, join } from 'node:path'
import ts from 'typescript'
import type { Block } from './blocks'

/** A problem with a block, at a line of the documentation. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly message: string
}

/**
 * What the compiler says about blocks, each as a module of its own that stands beside its documentation. Options are those
 * of `tsconfig.json` without `noUncheckedIndexedAccess`: readers of a README compile with plain `strict`.
 */
export const compileBlocks = (root: string, blocks: readonly Block[]): Problem[] => {
  const modules = new Map(blocks.map((block) => [modulePath(root, block), block]))
  const options = {
    ...compilerOptions(root),
    noUncheckedIndexedAccess: false,
    moduleDetection: ts.ModuleDetectionKind.Force,
  }
  const program = ts.createProgram([...modules.keys()], options, hostWith(modules, options))
  const problems = [...modules].flatMap(([path, block]) => {
    const source = program.getSourceFile(path)!
    const diagnostics = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    return ts.sortAndDeduplicateDiagnostics(diagnostics).map((diagnostic) => ({
      file: block.file,
      line: source.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line + 1,
      message: ts.flattenDiagnosticMessageText(diagnostic.messageText, ' '),
    }))
  })
  return withoutRepeats(problems)
}

/** A block that others continue is compiled with each of them. */
const withoutRepeats = (problems: readonly Problem[]): Problem[] => [
  ...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values(),
]

const modulePath = (root: string, { file, line }: Block): string =>
  join(root, `${file}.${line}.ts`).replaceAll('\\', '/')

const compilerOptions = (root: string): ts.CompilerOptions => {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  return ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root).options
}

/** A compiler host that also sees the modules, which exist only in memory. */
const hostWith = (modules: ReadonlyMap<string, Block>, options: ts.CompilerOptions): ts.CompilerHost => {
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile, directoryExists } = host
  const folders = new Set([...modules.keys()].map((path) => dirname(path)))
  return {
    ...host,
    fileExists: (path) => modules.has(path) || fileExists(path),
    readFile: (path) => modules.get(path)?.source ?? readFile(path),
    directoryExists: (path) => folders.has(path) || (directoryExists?.(path) ?? false),
    getSourceFile: (path, target, ...rest) => {
      const block = modules.get(path)
      return block ? ts.createSourceFile(path, block.source, target) : getSourceFile(path, target, ...rest)
    },
  }
}
