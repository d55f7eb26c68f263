import type { ConstantSource } from '@qilin-med/tensor'
import { readTensorSync, type SafetensorsFile } from '@qilin-med/tensor/safetensors'

/** A tensor of a file as a constant that is mapped from there; undefined where the file has none of that name. */
export const sourceIn = (file: SafetensorsFile, name: string): ConstantSource | undefined => {
  const entry = file.tensors.get(name)
  if (!entry) return undefined
  const location = { path: file.path, offset: file.dataOffset + entry.begin, byteLength: entry.end - entry.begin }
  return {
    dtype: entry.dtype as ConstantSource['dtype'],
    shape: entry.shape,
    location,
    read: () => readTensorSync(file, name).data as ReturnType<ConstantSource['read']>,
  }
}
