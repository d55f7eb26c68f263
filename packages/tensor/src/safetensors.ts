/** Safetensors files in plain TypeScript: read one tensor of a 2 GB file, write one without holding it in memory. */

export { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half'
export { dtypes, type StoredArray, type StoredDtype } from './safetensors/dtypes'
export { SafetensorsError, type SafetensorsErrorCode } from './safetensors/errors'
export type { TensorEntry } from './safetensors/header'
export { maxHeaderBytes, type StoredTensor } from './safetensors/layout'
export {
  type ReadOptions,
  readFloat32,
  readSafetensors,
  readTensor,
  readTensorSync,
  type SafetensorsFile,
} from './safetensors/read'
export { readShards, type Shards } from './safetensors/shards'
export { type TensorToWrite, writeSafetensors } from './safetensors/write'
