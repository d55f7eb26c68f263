/**
 * Imports or requires one entry, in the folder it is copied to, and prints as JSON the names it exports and the files
 * that were loaded: node probe.mjs import|require ENTRY
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
for (let message; (message = receiveMessageOnPort(port1)); )
  if (message.message.startsWith('file:')) files.add(fileURLToPath(message.message))

console.log(JSON.stringify({ names: Object.keys(module), files: [...files] }))
process.exit()
