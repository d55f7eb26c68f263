import { Command, CommanderError } from 'commander'
import { isChimedError } from '../errors'
import { buildCommand, mergeCommand, runCommand } from './build-commands'
import { convertCommand, decontaminateCommand, dedupCommand, packCommand, statsCommand } from './file-commands'
import { inspectCommand } from './inspect'
import { number, shard } from './values'

/** What the command touches outside itself. */
export interface CommandSurroundings {
  /** Receives tables. */
  print(text: string): void
  /** Receives progress and errors; a line that begins with `\r` replaces the one before. */
  tell(text: string): void
  /** True when `tell` writes to a terminal, where lines can be replaced. */
  readonly terminal?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** Milliseconds of a clock that only goes forward. */
  now(): number
  /** Starts this program once more with other arguments, for `--workers`; gives its exit code. */
  again?(argv: readonly string[]): Promise<number>
}

/**
 * Runs `chimed` with these arguments (without node and script) and returns its exit code: 0 when it did what was asked, 1 when something is
 * wrong with data or options (said in one sentence), 130 when it was stopped.
 */
export async function chimed(argv: readonly string[], surroundings: CommandSurroundings): Promise<number> {
  const command = commandLine(surroundings)
  try {
    await command.parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    if (surroundings.signal?.aborted) {
      surroundings.tell('\nStopped. Start the same command again to go on.\n')
      return 130
    }
    if (!isChimedError(error)) throw error
    surroundings.tell(`${error.message}\n`)
    return 1
  }
}

function commandLine(surroundings: CommandSurroundings): Command {
  const program = new Command('chimed').description(
    'Builds ChiMed: reads, cleans, deduplicates, decontaminates, packs.',
  )
  const add = (usage: string, about: string): Command =>
    program
      .command(usage)
      .description(about)
      .exitOverride()
      .configureOutput({ writeOut: surroundings.print, writeErr: surroundings.tell })
  program.exitOverride().configureOutput({ writeOut: surroundings.print, writeErr: surroundings.tell })

  const sharded = (command: Command): Command =>
    command
      .option('--work <folder>', 'where stages leave their files, seen by all machines (default: <out>.work)')
      .option('--patience <seconds>', 'without news for so long, a shard does what others left undone', number, 30)
      .option('--part-bytes <n>', 'bytes of a part: memory of a task is a few times as much', number)
      .option('--buckets <n>', 'buckets of a shuffle: more of them take less memory', number)
  sharded(add('build <config>', 'the whole build of a config file, or one shard of it'))
    .option('--shard <i/n>', 'only shard i of n, counted from 0; `chimed merge` puts them together', shard)
    .option('--workers <n>', 'processes on this machine', number, 1)
    .option('--dry-run', 'estimates rows, bytes, time and disk, and writes nothing')
    .action((config, options) => buildCommand(config, options, surroundings))
  sharded(add('run <config>', 'one shard of a build'))
    .requiredOption('--shard <i/n>', 'shard i of n, counted from 0', shard)
    .action((config, options) => runCommand(config, options, surroundings))
  sharded(add('merge <config>', 'writes the results once all shards are done'))
    .option('--clean', 'removes the work folder afterwards')
    .action((config, options) => mergeCommand(config, options, surroundings))

  const corpus = (command: Command): Command =>
    command.option('--corpus <name>', 'cpt, sft or dpo (default: by the first row)')
  const out = (command: Command): Command => command.requiredOption('--out <folder>', 'where results go')
  corpus(add('stats <files...>', 'samples, tokens and bytes by source, and lengths'))
    .option('--tokenizer <spec>', 'a folder with a tokenizer, or module:FILE that exports `tokenizer`')
    .action((files, options) => statsCommand(files, options, surroundings))
  out(corpus(add('dedup <files...>', 'removes duplicates from files')))
    .option('--no-exact', 'keeps exact duplicates')
    .option(
      '--minhash <threshold>',
      'removes near-duplicates from this Jaccard similarity on (default 0.8; 0: none)',
      number,
      0.8,
    )
    .option(
      '--substring <bytes>',
      'removes passages of at least so many bytes that occur twice (default 0: none)',
      number,
      0,
    )
    .option('--keep <which>', 'first or longest of a group', 'first')
    .option('--format <name>', 'trl or qilin', 'trl')
    .action((files, options) => dedupCommand(files, options, surroundings))
  out(corpus(add('decontaminate <files...>', 'removes rows that hold test questions')))
    .requiredOption('--against <spec...>', 'cmexam:PATH, ceval:PATH, cmmlu:PATH or huatuo26m:PATH')
    .option('--share <n>', 'share of the 13-grams of a question that gives it away', number, 0.8)
    .option('--format <name>', 'trl or qilin', 'trl')
    .action((files, options) => decontaminateCommand(files, options, surroundings))
  out(corpus(add('pack <files...>', 'writes token shards for training')))
    .requiredOption('--tokenizer <spec>', 'a folder with a tokenizer, or module:FILE that exports `tokenizer`')
    .requiredOption('--max-length <n>', 'tokens of a row', number)
    .option('--packing <name>', 'wrapped, bfd, bfd_split or qilin (default: wrapped for cpt, none for sft)')
    .option('--manifest <file>', 'splits.json of the data: a row of a test split is an error')
    .action((files, options) => packCommand(files, options, surroundings))
  out(corpus(add('convert <files...>', 'writes files in another layout')))
    .requiredOption('--to <layout>', 'trl, qilin, parquet, data-juicer or datatrove')
    .action((files, options) => convertCommand(files, options, surroundings))
  add('inspect <file>', 'what a file holds: format, encoding, first rows; token shards too')
    .option('--rows <n>', 'rows to show', number, 3)
    .action((file, options) => inspectCommand(file, options, surroundings))
  return program
}
