// An experiment with an untrue check, and with `--throw yes` one that throws: both must make the process fail.
import { experiment } from '../../examples/support/experiment.js'

await experiment(
  import.meta.url,
  { title: 'Failing', question: 'Is a false claim noticed?', options: [['--throw <yes>', 'throws']] },
  (lab) => {
    lab.check('one is one', true)
    if (lab.option('throw')) throw new Error('meant to be thrown')
    lab.close('one is two', 1, 2, 0.5)
    lab.close('NaN is nothing', [Number.NaN], [Number.NaN], 1)
  },
)
