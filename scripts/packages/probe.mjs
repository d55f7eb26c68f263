/**
 * Imports or requires one entry, in the folder it is copied to, and prints as JSON the names it exports, the files
 * that were loaded, and the modules of Node that ES modules among them import: node probe.mjs import|require ENTRY
 */
import { createRequire, register } from 'node:module'
import { fileURLToPath } from 'node:url'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'

const [how, entry] = process.argv.slice(2)
const require = createRequire(import.meta.url)

const { port1, port2 } = new MessageChannel()
const hooks = `
let port
export const initialize = (data) => { port = data.port }
export const resolve = async (specifier, context, next) => {
  const result = await next(specifier, context)
  port.postMessage(result.url)
  return result
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`, { data: { port: port2 }, transferList: [port2] })

const module = how === 'import' ? await import(entry) : require(entry)

const files = new Set(Object.keys(require.cache))
const builtins = new Set()
for (let next = receiveMessageOnPort(port1); next; next = receiveMessageOnPort(port1)) {
  const url = next.message
  if (url.startsWith('file:')) files.add(fileURLToPath(url))
  if (url.startsWith('node:')) builtins.add(url)
}

console.log(JSON.stringify({ names: Object.keys(module), files: [...files], builtins: [...builtins] }))
process.exit()
