import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { LoraAdapter } from '@qilin-med/lora'
import { loadModel, loadTokenizer, type WeightFormat } from '@qilin-med/models'
import { fillNormal, type NdArray, randomKey } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import { temporaryCheckpoint } from './step/checkpoint'
import { batchOf, stepAdapter, stepProgram } from './step/program'
import { llama } from './step/shapes'

/**
 * What each format of frozen weights does to training: the cosine between the gradient of all adapters and that on float32
 * weights, and the difference of the losses. On invented weights, and on the model of `--model` with a text.
 */
export const suite: Suite = { name: 'accuracy', cases }

const formats: Readonly<Record<string, WeightFormat>> = {
  bfloat16: 'bfloat16',
  float16: 'float16',
  int8: 'int8',
  'int4 block 32': 'int4',
  'int4 block 32, operands in int8': { scheme: 'int4', products: 'int8' },
  'int4 block 32, absmax': { scheme: 'int4', scales: 'absmax' },
  'int4 block 128': { scheme: 'int4', block: 128 },
  nf4: 'nf4',
}

async function cases({ model, own }: BenchOptions): Promise<BenchCase[]> {
  const cacheFolder = await mkdtemp(join(tmpdir(), 'qilin-med-accuracy-'))
  own({ [Symbol.asyncDispose]: () => rm(cacheFolder, { recursive: true, force: true }) })
  const invented = async (): Promise<Subject> => {
    const { folder } = own(await temporaryCheckpoint(llama))
    return { folder, cacheFolder, batch: batchOf(llama) }
  }
  const subjects = [
    { name: '74m', subject: once(invented) },
    ...(model === undefined
      ? []
      : [
          {
            name: basename(model),
            subject: once(async () => ({ folder: model, cacheFolder, batch: await textFor(model) })),
          },
        ]),
  ]
  return subjects.flatMap(({ name, subject }) => {
    const exact = once(async () => stepOf(await subject(), 'float32'))
    return Object.entries(formats).map(([title, format]) => accuracyCase(`${title} ${name}`, format, subject, exact))
  })
}

/** A model and the row that it is looked at with. */
interface Subject {
  readonly folder: string
  readonly cacheFolder: string
  readonly batch: ReturnType<typeof batchOf>
}

interface Step {
  readonly loss: number
  readonly gradient: Float32Array
}

const accuracyCase = (
  name: string,
  format: WeightFormat,
  subject: () => Promise<Subject>,
  exact: () => Promise<Step>,
): BenchCase => {
  const found = once(async () => {
    const [ours, theirs] = [await stepOf(await subject(), format), await exact()]
    return { cosine: cosine(ours.gradient, theirs.gradient), lossDifference: ours.loss - theirs.loss, loss: ours.loss }
  })
  return {
    name: `gradient cosine ${name}`,
    unit: 'cosine',
    higherIsBetter: true,
    peerName: 'none',
    rounds: 1,
    ours: async () => (await found()).cosine,
    details: async () => {
      const { loss, lossDifference } = await found()
      return { loss, lossDifference }
    },
  }
}

const stepOf = async ({ folder, cacheFolder, batch }: Subject, weights: WeightFormat): Promise<Step> => {
  await using runtime = await nodeRuntime()
  const model = await loadModel(folder, { runtime, weights, cacheFolder })
  const adapter = stepAdapter(model)
  const program = stepProgram(model, adapter)
  const vector = (data: Float32Array): NdArray => ({ dtype: 'float32', shape: [data.length], data })
  const gradients = await runtime.upload(vector(new Float32Array(adapter.layout.size)))
  const [, { loss }] = await program({ gradients }, batch, vector(trainedValues(adapter)))
  const { data } = await runtime.download(gradients)
  return { loss: Number(loss.data[0]), gradient: Float32Array.from(data as Float32Array) }
}

/** Values of an adapter that has been trained a little: a fresh one has B = 0, and no gradient reaches A. */
const trainedValues = ({ layout, values }: LoraAdapter): Float32Array => {
  const moved = values.slice()
  layout.entries.forEach(({ name, offset, size }, i) => {
    if (name.endsWith('lora_B.weight')) fillNormal(randomKey(i), moved.subarray(offset, offset + size), 0.002)
  })
  return moved
}

const cosine = (a: Float32Array, b: Float32Array): number => {
  let [dot, left, right] = [0, 0, 0]
  a.forEach((value, i) => {
    dot += value * b[i]!
    left += value * value
    right += b[i]! * b[i]!
  })
  return dot / Math.sqrt(left * right)
}

/** A text that nobody has trained on, with a label on every token. */
const textFor = async (folder: string): Promise<Subject['batch']> => {
  const tokenizer = await loadTokenizer(folder)
  const ids = Int32Array.from(tokenizer.encode(text))
  const count = ids.length - 1
  const row = (data: Int32Array): NdArray => ({ dtype: 'int32', shape: [1, count], data })
  const list = (data: Int32Array): NdArray => ({ dtype: 'int32', shape: [count], data })
  const positions = Int32Array.from({ length: count }, (_, i) => i)
  return {
    ids: row(ids.slice(0, -1)),
    positions: row(positions),
    sources: list(positions),
    targets: list(ids.slice(1)),
  }
}

/** Invented questions and answers; fictional, no medical advice. */
const text = [
  '问：体检时发现血压偏高，平时没有不舒服，需要马上吃药吗？',
  '答：一次测量偏高不能确诊高血压。建议在家中连续测量七天，早晚各两次，记录平均值。如果多次高于一百四十比九十毫米汞柱，应到心内科就诊，由医生决定是否用药。',
  '问：孩子咳嗽三天，夜里加重，有少量白痰，没有发热，应该怎么护理？',
  '答：多数是病毒感染引起的，注意多喝温水，保持室内湿度，避免接触烟雾。若出现呼吸急促、精神差或发热超过三十八度五，应尽快就医。',
  '问：长期服用二甲双胍需要注意什么？答：餐中服用可以减轻胃肠道反应，定期检查肾功能和维生素B12水平，做增强CT检查前应告知医生。',
  'Question: Is it safe to take ibuprofen together with a common cold medicine? Answer: Check the label first, because many cold',
  'medicines already contain a pain reliever. Do not exceed the daily dose, and ask a pharmacist if you have kidney disease.',
].join('\n')

const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}
