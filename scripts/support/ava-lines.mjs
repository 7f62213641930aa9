// Reads what ava prints of tests, counts them and passes on what matters.

/** Ava's lines: `  ✔ file › title`, `  ✘ [fail]: …`, `  ✘ file exited …`, `  - [skip] …`. Long lists of ✔ become a count per file. */
export function reader(verbose) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  let current = { file: '', passed: 0 }
  const flush = () => {
    if (!verbose && current.passed > 0) console.log(`  ✔ ${current.file} (${current.passed})`)
  }
  return {
    counts,
    line(line) {
      if (line.startsWith('  ✔ ')) {
        counts.passed++
        const file = line.includes(' › ') ? line.slice(4).split(' › ')[0] : 'tests'
        if (file !== current.file) {
          flush()
          current = { file, passed: 0 }
        }
        current.passed++
        if (!verbose) return
      }
      if (line.startsWith('  ✘ ')) counts.failed++
      if (line.startsWith('  - [skip] ')) counts.skipped++
      // A lone rule and ava's own totals say nothing that the last line does not.
      if (!/^\s*(─|\d+ tests? (passed|failed|skipped))?$/.test(line) || verbose) console.log(line)
    },
    end: flush,
  }
}
