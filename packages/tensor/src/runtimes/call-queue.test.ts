import { describe, expect, test } from 'vitest'
import { callQueue } from './call-queue'

/** A call that ends when it is told to, and the log of what happened. */
const calls = () => {
  const log: string[] = []
  const ends: (() => void)[] = []
  const call = (name: string) => () =>
    new Promise<string>((resolve) => {
      log.push(name)
      ends.push(() => resolve(name))
    })
  return { log, call, end: () => ends.shift()!() }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('callQueue', () => {
  test('starts calls in their order, at most so many at once', async () => {
    const { log, call, end } = calls()
    const queue = callQueue(2)
    const results = ['a', 'b', 'c', 'd'].map((name) => queue.add(call(name)))
    await settled()
    expect(log).toEqual(['a', 'b'])
    end()
    await settled()
    expect(log).toEqual(['a', 'b', 'c'])
    for (let i = 0; i < 3; i++) {
      end()
      await settled()
    }
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('a call that fails lets the next one start', async () => {
    const queue = callQueue(1)
    const failing = queue.add(() => Promise.reject(new Error('no')))
    const next = queue.add(async () => 'next')
    await expect(failing).rejects.toThrow('no')
    expect(await next).toBe('next')
  })

  test('aborting takes a waiting call out at once and leaves one that has begun', async () => {
    const { log, call, end } = calls()
    const queue = callQueue(1)
    const control = new AbortController()
    const begun = queue.add(call('begun'), control.signal)
    const waiting = queue.add(call('waiting'), control.signal)
    const other = queue.add(call('other'))
    control.abort(new Error('enough'))
    await expect(waiting).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TensorError: run: expected a call that may run, got an aborted signal. Carried state is as the last finished call left it.]`,
    )
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled', cause: new Error('enough') })
    await expect(queue.add(call('later'), control.signal)).rejects.toMatchObject({ code: 'cancelled' })
    end()
    expect(await begun).toBe('begun')
    await settled()
    end()
    expect(await other).toBe('other')
    expect(log).toEqual(['begun', 'other'])
  })

  test('closing refuses what waits and ends with what runs', async () => {
    const { call, end } = calls()
    const queue = callQueue(1)
    const begun = queue.add(call('begun'))
    const waiting = queue.add(call('waiting'))
    let closed = false
    const closing = queue.close().then(() => {
      closed = true
    })
    await expect(waiting).rejects.toMatchObject({ code: 'disposed' })
    await settled()
    expect(closed).toBe(false)
    end()
    await closing
    expect(await begun).toBe('begun')
    await expect(queue.add(call('later'))).rejects.toMatchObject({ code: 'disposed' })
  })
})
