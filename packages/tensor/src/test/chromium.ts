import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Where Debian's package puts the browser, SwiftShader (a Vulkan driver that needs no GPU) and Vulkan's loader. */
export const folder = '/usr/lib/chromium'

/** Why what needs Debian's `chromium` cannot run here; undefined where it can. */
export const whyNoChromium = (): string | undefined => {
  const missing = ['chromium', 'libvk_swiftshader.so', 'libvulkan.so.1'].filter(
    (file) => !existsSync(join(folder, file)),
  )
  return missing.length > 0 ? `no ${join(folder, missing[0]!)}: install Debian's package 'chromium'` : undefined
}
