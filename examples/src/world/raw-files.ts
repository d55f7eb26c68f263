import { type Planted, plant } from './plant'
import { random } from './random'
import { chineseMedicalDialogue, cmd, medicalDialogueSystem } from './sources/dialogues'
import { examSets, heldOutSets, knowledgeBase } from './sources/evaluation'
import { cmexam, cmexamExplanation } from './sources/exams'
import { generalSets } from './sources/general'
import {
  cpubmedKg,
  healthKg,
  huatuoEncyclopedia,
  huatuoKnowledgeGraph,
  medqaTextbooks,
  xywyKg,
} from './sources/knowledge'
import { medicalgptReward, zhongjingRlhf } from './sources/preferences'
import type { RawTable, SourceContext } from './sources/table'
import { wordingDeck } from './texts'
import type { World } from './world'

/** Every raw file of mini-ChiMed before it is written, and what was planted in them. */
export interface RawFiles {
  readonly tables: readonly RawTable[]
  readonly planted: readonly Planted[]
}

/** The raw files of a world: one for each sub-dataset of the paper's Tables 1 to 3, the knowledge base, the held-out sets. */
export function rawFiles(world: World): RawFiles {
  const rng = random(world.seed, 'raw')
  const deck = wordingDeck(rng.fork('deck'))
  const context = (name: string): SourceContext => ({ world, rng: rng.fork(name), deck })
  const exams = examSets(context('exams'))
  const training = [
    huatuoEncyclopedia(context('encyclopedia')),
    huatuoKnowledgeGraph(context('knowledge-graph-qa')),
    ...cmexam(context('cmexam'), {
      val: [...exams.v.rows, ...exams.w.rows],
      test: [...exams.b.rows, ...exams.c.rows],
    }),
    ...medqaTextbooks(context('textbooks')),
    cpubmedKg(context('cpubmed')),
    xywyKg(context('xywy')),
    healthKg(context('39health')),
    ...chineseMedicalDialogue(context('dialogue-single')),
    medicalDialogueSystem(context('dialogue-system')),
    cmd(context('cmd')),
    ...generalSets(context('general')),
    cmexamExplanation(context('explanation')),
    zhongjingRlhf(context('zhongjing')),
    medicalgptReward(context('reward')),
  ] as RawTable[]
  const { tables, planted } = plant(training, world, rng.fork('plant'))
  const heldOut = [...Object.values(exams), ...heldOutSets(context('held-out')), knowledgeBase(context('kb'))]
  return { tables: [...tables, ...(heldOut as RawTable[])], planted }
}
