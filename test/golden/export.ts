// Prints all cases as JSON for make.py: node dist/test/golden/export.js > cases.json
import { updates } from '../cases/update.js'
import { cases } from '../ops.cases.js'

process.stdout.write(
  JSON.stringify({ cases, updates }, (_, value) => (value === Number.POSITIVE_INFINITY ? 'inf' : value)),
)
