/**
 * Blocks of queries that attention over rows of about `tokens` tokens is cut into: one for 128 tokens, 4 to 16. Rows of thousands of
 * tokens take less time and memory in more blocks, short ones only more nodes.
 */
export const attentionBlocksFor = (tokens: number): number => Math.min(16, Math.max(4, Math.round(tokens / 128)))
