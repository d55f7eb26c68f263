import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { build } from '../build'
import { filesOf } from '../test/files-of'
import { readConfig } from './config'

const folder = mkdtempSync(join(tmpdir(), 'chimed-slurm-'))
const daemons: ChildProcess[] = []
afterAll(async () => {
  for (const daemon of daemons.reverse()) {
    const gone = new Promise((resolve) => daemon.once('close', resolve))
    if (daemon.exitCode !== null) continue
    daemon.kill('SIGTERM')
    await Promise.race([gone, wait(3000)])
    daemon.kill('SIGKILL')
  }
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const programs = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'scontrol', 'sinfo']
const places = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin']
const find = (name: string): string | undefined =>
  places.map((place) => join(place, name)).find((path) => existsSync(path))
const program = (name: string): string => find(name)!

/** Starts munged, slurmctld and slurmd in the foreground, everything they write in the test's folder. */
function startSlurm(): Record<string, string> {
  const user = userInfo().username
  const port = 20_000 + (process.pid % 20_000)
  for (const name of ['state', 'spool', 'run']) mkdirSync(join(folder, name))
  chmodSync(folder, 0o755)
  writeFileSync(
    join(folder, 'munge.key'),
    Buffer.from(Array.from({ length: 128 }, (_, i) => (i * 37 + process.pid) & 255)),
  )
  chmodSync(join(folder, 'munge.key'), 0o400)
  const socket = join(folder, 'run/munge.socket')
  const files = ['key-file=munge.key', 'log-file=munged.log', 'pid-file=run/munged.pid', 'seed-file=run/munge.seed']
  const paths = files.map((option) => `--${option.replace('=', `=${folder}/`)}`)
  start(program('munged'), ['--foreground', '--force', `--socket=${socket}`, ...paths])
  writeFileSync(
    join(folder, 'slurm.conf'),
    `ClusterName=chimed
SlurmctldHost=${hostname()}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=${socket}
CredType=cred/munge
SlurmUser=${user}
SlurmdUser=${user}
SlurmctldPort=${port}
SlurmdPort=${port + 1}
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/run/slurmctld.pid
SlurmdPidFile=${folder}/run/slurmd.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=1
ReturnToService=2
MpiDefault=none
NodeName=${hostname()} NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`,
  )
  const environment = { ...process.env, SLURM_CONF: join(folder, 'slurm.conf') } as Record<string, string>
  start(program('slurmctld'), ['-D', '-c'], environment)
  start(program('slurmd'), ['-D', '-N', hostname()], environment)
  return environment
}

function start(
  path: string,
  argv: readonly string[],
  env: Record<string, string> = process.env as Record<string, string>,
): void {
  daemons.push(spawn(path, argv, { stdio: 'ignore', env }))
}

async function until(ready: () => boolean, seconds: number): Promise<boolean> {
  for (let waited = 0; waited < seconds * 1000; waited += 300) {
    if (ready()) return true
    await wait(300)
  }
  return false
}

const logs = (): string =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .map((name) => `== ${name}\n${readFileSync(join(folder, name), 'utf8').slice(-2000)}`)
    .join('\n')

const cli = join(import.meta.dirname, '../cli.ts')
const command = `${process.execPath} --import ${import.meta.resolve('tsx')} -C source ${cli}`
const jobs = join(import.meta.dirname, '../../jobs')

function writeConfig(name: string): string {
  const rows = Array.from({ length: 90 }, (_, i) => ({
    text: `第${i % 40}段虚构的文字，讲的是第${i % 40}种药草的种法和收法`,
  }))
  writeFileSync(join(folder, 'raw.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const path = join(folder, `${name}.json`)
  const steps = [{ step: 'dedup.exact' }, { step: 'dedup.minhash', threshold: 0.9 }]
  writeFileSync(path, JSON.stringify({ out: name, cpt: [{ source: 'file', path: 'raw.jsonl' }], steps }))
  return path
}

async function wholeBuild(config: string): Promise<Record<string, string>> {
  const { options } = await readConfig(config)
  await build({ ...options, out: join(folder, 'whole') })
  return filesOf(join(folder, 'whole'))
}

describe('jobs/local.sh', () => {
  it('runs a build in several processes of this machine to the bytes of build', async (context) => {
    if (!find('bash')) return context.skip('no bash')
    const config = writeConfig('local')
    const env = {
      ...process.env,
      CONFIG: config,
      N: '3',
      CHIMED: command,
      CHIMED_OPTIONS: '--part-bytes 700 --buckets 4',
    }
    execFileSync(program('bash'), [join(jobs, 'local.sh')], { env, stdio: 'ignore' })
    expect(filesOf(join(folder, 'local'))).toEqual(await wholeBuild(config))
  }, 300_000)
})

/** A Python that has Ray: that of the environment variable RAY_PYTHON, or the usual one. */
const rayPython = (): string | undefined =>
  [process.env.RAY_PYTHON, find('python3')].find((path) => {
    if (path === undefined) return false
    try {
      execFileSync(path, ['-c', 'import ray'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })

describe('jobs/ray_job.py', () => {
  it('runs a build as tasks of a real Ray and merges it to the bytes of build', async (context) => {
    const python = rayPython()
    if (!python) return context.skip('no Python with ray (set RAY_PYTHON to one)')
    const config = writeConfig('ray')
    const env = { ...process.env, CHIMED: command, CHIMED_OPTIONS: '--part-bytes 700 --buckets 4' }
    execFileSync(python, [join(jobs, 'ray_job.py'), config, '3'], { env, stdio: 'ignore' })
    expect(filesOf(join(folder, 'ray'))).toEqual(await wholeBuild(config))
  }, 300_000)
})

describe('jobs/kubernetes.yaml', () => {
  const manifest = readFileSync(join(jobs, 'kubernetes.yaml'), 'utf8')

  it('names one number of shards', () => {
    const [completions, parallelism, shards] = [
      /completions: (\d+)/,
      /parallelism: (\d+)/,
      /SHARDS\n +value: '(\d+)'/,
    ].map((pattern) => pattern.exec(manifest)?.[1])
    expect(completions).toMatch(/^\d+$/)
    expect([parallelism, shards]).toEqual([completions, completions])
  })

  it('has pods that together give the bytes of build', async (context) => {
    if (!find('sh')) return context.skip('no sh')
    const config = writeConfig('kubernetes')
    const [, script] = /args:\n +- \|\n((?: {14}.*\n)+)/.exec(manifest)!
    const pods = [0, 1, 2].map((index) => {
      const own = { JOB_COMPLETION_INDEX: String(index), SHARDS: '3', CONFIG: config }
      const env = { ...process.env, ...own, CHIMED: command, CHIMED_OPTIONS: '--part-bytes 700 --buckets 4' }
      const pod = spawn(program('sh'), ['-c', script!], { env, stdio: 'ignore' })
      return new Promise<number | null>((resolve) => pod.once('close', resolve))
    })
    expect(await Promise.all(pods)).toEqual([0, 0, 0])
    expect(filesOf(join(folder, 'kubernetes'))).toEqual(await wholeBuild(config))
  }, 300_000)
})

describe('jobs/slurm.sh', () => {
  it('runs a build as an array of a real Slurm and merges it to the bytes of build', async (context) => {
    const missing = programs.filter((name) => !find(name))
    if (missing.length > 0) return context.skip(`no ${missing.join(', ')} (Debian: slurm-wlm, munge)`)
    const path = writeConfig('out')
    const environment = startSlurm()
    const idle = (): boolean => {
      try {
        return execFileSync(program('sinfo'), ['-h', '-o', '%T'], {
          env: environment,
          stdio: ['ignore', 'pipe', 'ignore'],
        })
          .toString()
          .startsWith('idle')
      } catch {
        return false
      }
    }
    if (!(await until(idle, 30))) return context.skip(`Slurm does not start here: ${logs().slice(-600)}`)
    execFileSync(program('sbatch'), ['--array=0-2', join(jobs, 'slurm.sh')], {
      cwd: folder,
      env: {
        ...environment,
        CONFIG: path,
        CHIMED: command,
        CHIMED_OPTIONS: '--part-bytes 700 --buckets 4',
        PATH: `${environment.PATH}:/usr/bin:/usr/sbin`,
      },
    })
    const done = await until(() => existsSync(join(folder, 'out/report.json')), 100)
    expect(done, logs()).toBe(true)
    expect(filesOf(join(folder, 'out'))).toEqual(await wholeBuild(path))
  }, 300_000)
})
