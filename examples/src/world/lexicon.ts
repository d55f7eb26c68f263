/** The eight things the invented world knows about a disease. */
export type Attribute =
  | 'department'
  | 'symptom'
  | 'cause'
  | 'examination'
  | 'drug'
  | 'therapy'
  | 'complication'
  | 'prevention'

/** The attributes in the order in which files and tables list them. */
export const attributes: readonly Attribute[] = [
  'department',
  'symptom',
  'cause',
  'examination',
  'drug',
  'therapy',
  'complication',
  'prevention',
]

const words = (text: string): string[] => text.trim().split(/\s+/)
const cross = (heads: string, tails: string): string[] => words(heads).flatMap((h) => words(tails).map((t) => h + t))

/** Invented places: the first part of a disease's name. */
export const places: readonly string[] = words(`
  霁川 霁泽 霁屿 霁渡 岚泽 岚屿 岚浦 岚垭 汐泽 汐岭 汐浦 汐垭 澄屿 澄岭 澄渡 澄垭 暮川 暮岭 暮渡 暮浦
  棠泽 棠屿 棠渡 棠垭 篁川 篁泽 篁岭 篁浦 砚泽 砚屿 砚渡 砚浦 笙川 笙屿 笙岭 笙垭 箬川 箬泽 箬渡 箬浦
  苇屿 苇岭 苇渡 苇垭 槐泽 槐屿 槐岭 槐垭 萤川 萤泽 萤渡 萤浦 珂川 珂屿 珂岭 珂垭 翎泽 翎岭 翎渡 翎浦`)

/** Parts of the body: the second part of a disease's name. */
export const organs: readonly string[] = words(`
  肝叶 肺泡 心瓣 胃壁 脾窦 肾盏 胆管 肠膜 脑膜 骨髓 耳蜗 鼻窦 喉壁 眼底 齿龈 舌根 甲床 发根 颈椎 腰肌
  膝盖 足弓 掌心 指节 肩胛 肋膜 胸腺 胰尾 膀胱 淋巴 神经 脊柱 髋臼 腕骨 踝窝 额窦 颊囊 食管 气管 唇缘`)

/** Kinds of illness: the last part of a disease's name. */
export const endings: readonly string[] = words(
  '热症 痹症 痿症 郁症 滞症 肿症 硬症 裂症 斑症 萎症 厥症 疹症 眩症 痒症 颤症',
)

/**
 * The values of each attribute: 24 to 40 terms, every one invented or generic, none shared between attributes.
 *
 * Most pools are a head joined with a tail, which keeps the vocabulary of the tokenizer small.
 */
export const pools: Readonly<Record<Attribute, readonly string[]>> = {
  department: words(`
    络脉科 津液科 骨络科 皮腠科 神志科 温疫科 寒湿科 气机科 经筋科 胎息科 童蒙科 老衰科
    脏腑科 窍络科 创复科 食养科 眠息科 痰饮科 血象科 免疫科 毒理科 针调科 康养科 筛诊科`),
  symptom: cross('午后 夜间 晨起 饭后 遇冷 久坐', '低烧 盗汗 心慌 头胀 肢麻 胸闷'),
  cause: cross('先天 长期 反复 外感 内生 饮食 环境 情志', '湿毒 失衡 积火 亏虚'),
  examination: cross('虹波 磁纹 光谱 声像 脉图 晶片 液相 热敏', '造影 扫描 测定 试验'),
  drug: cross('澜朔 霓宁 砂瓴 泠舒 珞安 岑清 缇康 綦平 荻畅 蒴泰', '胶囊 颗粒 滴丸 药片'),
  therapy: cross('温针 浸浴 光照 冷敷 牵引 雾化 磁贴 推按', '疗法 调理 复位 疏导'),
  complication: cross('继发 慢性 急性 迟发 单侧 双侧 全身 局部', '耳鸣 贫血 水肿 失眠'),
  prevention: cross('每日 每周 睡前 饭前 冬季 夏季 定期 勤于', '晒背 泡足 静坐 慢走'),
}
