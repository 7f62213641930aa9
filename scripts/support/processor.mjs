// Which vector and arithmetic instructions this machine's processor has; empty where the kernel lists none.
import { readFileSync } from 'node:fs'

// the families that a compiler picks by itself under -march=native
const FAMILIES = /^(sse|ssse|avx|fma|f16c|bmi|abm|adx|popcnt|movbe|aes|vaes|pclmul|vpclmul|gfni|sha_ni|amx)/

export function processorFlags() {
  try {
    const line = /^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))
    return line ? line[1].split(' ').filter((flag) => FAMILIES.test(flag)) : []
  } catch {
    return []
  }
}
