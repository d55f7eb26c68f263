import { dirname, join } from 'node:path'
import { TensorError } from '../errors'
import { isSystemError, writeWholeFile } from '../whole-file'
import { dataFileOf, type ExternalConstant, withExternalData } from './external'
import type { Graph } from './graph'
import { bytesOf, writeModel } from './model'

/**
 * Writes `graph` as an ONNX model that any program can load: `path`, and its large constants in a data file beside it.
 * Constants are read, written and let go one by one, so the model may be larger than memory and than 2 GB.
 * Both files appear under their names only when both are complete.
 *
 * @param dataName name of the data file (default: `model.onnx_data` for `model.onnx`)
 * @returns        bytes of both files together
 * @throws TensorError `file`, with the system's error as cause
 */
export const saveModel = async (
  path: string,
  graph: Graph,
  { dataName = dataFileOf(path) }: { readonly dataName?: string } = {},
): Promise<number> => {
  const { graph: model, constants } = withExternalData(graph, dataName)
  const bytes = writeModel(model)
  const write = () => writeWholeFile(path, (append) => append(bytes))
  try {
    if (constants.length === 0) await write()
    else
      await writeWholeFile(join(dirname(path), dataName), async (append) => {
        await writeConstants(constants, append)
        await write()
      })
  } catch (cause) {
    if (!isSystemError(cause)) throw cause
    throw new TensorError(
      'file',
      `saveModel: expected a writable place at ${path}, got ${cause.code}. Check the folder, its permissions and free space.`,
      { cause },
    )
  }
  const last = constants.at(-1)
  return bytes.length + (last ? last.offset + last.byteLength : 0)
}

const writeConstants = async (
  constants: readonly ExternalConstant[],
  append: (bytes: Uint8Array) => Promise<void>,
): Promise<void> => {
  let end = 0
  for (const { source, offset, byteLength } of constants) {
    if (offset > end) await append(new Uint8Array(offset - end))
    await append(bytesOf(source))
    end = offset + byteLength
  }
}
