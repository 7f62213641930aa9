// Prints the families of the op suite's cases, and how many cases each has.
import { cases } from '../../dist/test/ops.cases.js'

const counts = {}
for (const { family } of cases) counts[family] = (counts[family] ?? 0) + 1
console.log(JSON.stringify(counts))
