export type * from './chat/types'
export type * from './config/types'
export type * from './tokenizer/types'
