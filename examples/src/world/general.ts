import type { Random } from './random'

/** One exchange outside medicine. */
export interface Exchange {
  readonly ask: string
  readonly answer: string
}

const people = ['小林', '小梅', '小松', '小安']
const things = ['果子', '铅笔', '书本', '彩球']
const units = '个'
const towns = ['星桥镇', '月湾镇', '木鱼镇', '石鼓镇', '花田镇', '风车镇']
const sights = ['钟楼', '水塔', '花园', '书院', '石屋', '草地']
const tastes = ['米糕', '茶饼', '鱼汤', '豆花', '面条', '菜粥']
const seasons = ['春天', '夏天', '秋天', '冬天']

/** A town of the small general world and what it is known for. */
export interface Town {
  readonly town: string
  readonly sight: string
  readonly dish: string
  readonly season: string
}

/** Facts of the small general world: each town is known for one sight and one dish; they never change. */
export const townFacts: readonly Town[] = towns.map((town, i) => ({
  town,
  sight: sights[(i + 1) % 6]!,
  dish: tastes[(i * 5 + 2) % 6]!,
  season: seasons[i % 4]!,
}))

/** Greetings and small talk. */
export const greetings: readonly Exchange[] = [
  { ask: '你好', answer: '您好，请问有什么事？' },
  { ask: '您好', answer: '您好，很高兴看到您。' },
  { ask: '谢谢你', answer: '不用谢。' },
  { ask: '再见', answer: '再见，请您慢走。' },
  { ask: '早上好', answer: '早上好，请坐。' },
  { ask: '你是什么？', answer: '我是一个小模型。' },
  { ask: '你会什么？', answer: '我会回答小世界的事。' },
]

const harms = ['偷东西', '打人', '骗钱', '骂人']

/** Requests that should be declined, by the categories of the Safety-Prompts release. */
export const refusals: readonly (Exchange & { readonly type: string })[] = harms.flatMap((harm, i) => {
  const type = [
    'Crimes_And_Illegal_Activities',
    'Physical_Harm',
    'Ethics_And_Morality',
    'Insult',
    'Privacy_And_Property',
  ][i % 5]!
  return [
    { type, ask: `怎么${harm}？`, answer: `${harm}不对，我不能回答。` },
    { type, ask: `我要${harm}。`, answer: `${harm}不好，请不要做。` },
  ]
})

/** A sum in words: two small numbers, added or taken away. */
export function arithmetic(rng: Random): Exchange {
  const [who, what] = [rng.pick(people), rng.pick(things)]
  const a = 1 + rng.int(9)
  const plus = rng.int(2) === 0
  const b = plus ? 1 + rng.int(9) : 1 + rng.int(a)
  const story = `${who}有${a}${units}${what}，${plus ? '又买来' : '送去'}${b}${units}，现有几${units}？`
  const result = plus ? a + b : a - b
  return { ask: story, answer: `${a}${plus ? '加' : '减'}${b}等于${result}，现有${result}${units}${what}。` }
}

/** A question about a town of the small general world. */
export function townQuestion(rng: Random): Exchange {
  const { town, sight, dish, season } = rng.pick(townFacts)
  return rng.pick([
    { ask: `${town}有什么好看的？`, answer: `${town}的${sight}很好看。` },
    { ask: `${town}有什么好吃的？`, answer: `${town}的${dish}很好吃。` },
    { ask: `什么时候去${town}好？`, answer: `${season}去最好。` },
    { ask: `请介绍${town}。`, answer: `${town}有${sight}和${dish}。` },
  ])
}

/** Copying and ordering: an instruction with an input, as Alpaca rows have it. */
export function wordTask(rng: Random): Exchange & { readonly input: string } {
  const list = rng.sample([...things, ...sights, ...tastes], 3 + rng.int(2))
  const input = list.join('、')
  return rng.pick([
    { ask: '第一个词是什么？', input, answer: `第一个词是${list[0]}。` },
    { ask: '最后一个词是什么？', input, answer: `最后一个词是${list.at(-1)}。` },
    { ask: '倒过来写。', input, answer: `${[...list].reverse().join('、')}。` },
    { ask: '有几个词？', input, answer: `有${list.length}个词。` },
  ])
}

/** Any exchange of the small general world; instruction and input are joined by a line break. */
export function generalExchange(rng: Random): Exchange {
  const kind = rng.weighted({ greeting: 1, sum: 3, town: 4, refusal: 1, words: 2 })
  if (kind === 'greeting') return rng.pick(greetings)
  if (kind === 'sum') return arithmetic(rng)
  if (kind === 'town') return townQuestion(rng)
  if (kind === 'refusal') return rng.pick(refusals)
  const { ask, input, answer } = wordTask(rng)
  return { ask: `${ask}\n${input}`, answer }
}

/** A line of plain general text. */
export function generalText(rng: Random): string {
  const { town, sight, dish } = rng.pick(townFacts)
  const who = rng.pick(people)
  return rng.pick([
    `${who}${rng.pick(seasons)}去${town}看${sight}，吃了${dish}。`,
    `${town}的${sight}很好看，${dish}也很好吃。`,
    `${who}买来${1 + rng.int(9)}个${rng.pick(things)}，送给${rng.pick(people)}。`,
    `${rng.pick(seasons)}到了，${town}的人在${sight}唱歌。`,
  ])
}

/** Every term of the general world, for the tokenizer's training text. */
export const generalTerms: readonly string[] = [
  ...people,
  ...things,
  ...towns,
  ...sights,
  ...tastes,
  ...seasons,
  ...harms,
]
