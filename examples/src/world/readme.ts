import { rawMix } from './answers'
import type { ManifestEntry } from './make-world'
import type { Planted } from './plant'
import type { World } from './world'

/** The README of the data folder: what it is, the splits, the files with their counts, the mix, what is planted. */
export function readme(world: World, manifest: readonly ManifestEntry[], planted: readonly Planted[]): string {
  return `# mini-ChiMed

**Everything here is fictional.** The diseases, their names and all that is said of them are invented by a program.
Nothing in this folder is a statement about a real disease, medicine or examination, and none of it may be used for
diagnosis or treatment. Licence: CC0 1.0 (see \`LICENSE\`).

**本文件夹的内容全部虚构**，由程序生成，不可用于诊疗。

\`npm run example -- make-world\` writes these files again, byte for byte (seed ${world.seed}).

It is a small world with the shape of ChiMed: one file for every sub-dataset of Tables 1 to 3 of the Qilin-Med paper,
each in the raw format and encoding of the public original, so that converters meet the real layouts.

## The world

${world.diseases.length} invented diseases with 8 attributes each (department, symptom, cause, examination, drug, therapy,
complication, prevention), one value each, drawn from pools of 24 to 40 terms. A name is an invented place, a part of
the body and an ending; no two diseases share place and organ.

| split | facts | told in CPT texts | asked in SFT and DPO | asked in |
|---|--:|---|---|---|
| \`p\` | ${world.facts.p.length} | a few (replay); the base model was trained on them | some (replay) | – |
| \`a\` | ${world.facts.a.length} | yes | yes | \`eval/exam-a.csv\` |
| \`b\` | ${world.facts.b.length} | yes | never | test: \`eval/*-b.*\` |
| \`v\` | ${world.facts.v.length} | yes | never | validation: \`eval/*-v.*\` |
| \`c\` | ${world.facts.c.length} | never (knowledge base only) | never | test: \`eval/exam-c.csv\` |
| \`w\` | ${world.facts.w.length} | never (knowledge base only) | never | validation: \`eval/exam-w.csv\` |

The splits are by fact. Choices are made on \`v\` and \`w\`, never on \`b\` and \`c\`. "Asked" means a question that names the
attribute; encyclopedia questions only ask for a description of a disease. Test questions on \`a\` facts are asked in training on
purpose, with other options; everything else in \`eval/\` must be kept out of training (decontaminate against it, without \`exam-a\`).

## Files

| file | stands for | table | format | rows | bytes |
|---|---|---|---|--:|--:|
${manifest.map((f) => `| \`${f.path}\` | ${f.dataset} | ${f.tables.join(', ') || '–'} | ${f.format}, ${f.encoding} | ${f.rows} | ${f.bytes} |`).join('\n')}

Rows of \`2020.txt\` are dialogues, of text files lines. \`manifest.json\` lists the same with SHA-256.

## The mix of answers in raw dialogues

Raw dialogues are not all good, as real ones are not. Each answer is drawn from ${percent(rawMix.good)} the fact and good advice,
${percent(rawMix.plain)} the fact only, ${percent(rawMix.evasive)} evasive (no fact), ${percent(rawMix.careless)} the fact and careless advice.
Preference pairs choose the fact with good advice; rejected answers are in thirds a wrong fact with good advice,
an evasion, and the right fact with careless advice. This leaves preference training something to do, and it is why
preference accuracy falls from CPT to SFT.

## What is planted

\`truth.json\` lists every fact with its split, and every planted row (rows count from 1, headers left out): ${count(planted, 'exact-duplicate')} exact
duplicates, ${count(planted, 'near-duplicate')} near duplicates, ${count(planted, 'leaked-question')} leaked test questions, ${count(planted, 'defect')} rows that no converter can use.
`
}

const percent = (share: number): string => `${Math.round(share * 100)}%`

function count(planted: readonly Planted[], kind: Planted['kind']): number {
  return planted.filter((row) => row.kind === kind).length
}

/** The licence note of the data folder. */
export const licence = `mini-ChiMed

All files in this folder are invented by the program in examples/src/world and dedicated to the public domain under
Creative Commons CC0 1.0 Universal: https://creativecommons.org/publicdomain/zero/1.0/

Everything here is fictional. Nothing in it is medical knowledge, and none of it may be used for diagnosis or treatment.
`
