// What the process holds, without the free pages that make its resident size wander.
import { native } from '../../lib/native.js'

/** glibc tells from 2.33 on how many bytes are held from malloc, but not under the address sanitizer. */
export const tellsHeap = native.heapBytes() > 0

/** Bytes held from malloc (where that is told) and in JavaScript's heap, whose garbage is to be collected before. */
export function heldBytes(): number {
  return native.heapBytes() + process.memoryUsage().heapUsed
}
