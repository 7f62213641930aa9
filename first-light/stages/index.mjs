// The stages in their order: what is cheap and tells most comes first.
import { bandwidth } from './bandwidth.mjs'
import { machine } from './machine.mjs'
import { profile } from './profile.mjs'
import { raceStage } from './race.mjs'
import { smoke } from './smoke.mjs'
import { suites } from './suites.mjs'

export const stages = [machine, bandwidth, smoke, suites, raceStage, profile]
