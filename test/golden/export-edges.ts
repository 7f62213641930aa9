// Prints the rows of the edge suite as JSON for edges.py: node dist/test/golden/export-edges.js > edges.cases.json
import { edges } from '../cases/edges.js'
import { encoded } from '../support/edges.js'

process.stdout.write(JSON.stringify(edges, (_, value) => (typeof value === 'number' ? encoded(value) : value)))
