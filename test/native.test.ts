// The native addon opens.
import test from 'ava'
import { native } from '../lib/native.js'

test('the native addon opens', (t) => {
  t.is(typeof native, 'object')
})
