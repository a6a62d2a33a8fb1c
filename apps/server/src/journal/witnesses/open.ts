import { join } from 'node:path'
import type { Config } from '../../kernel/config.ts'
import type { Secrets } from '../../kernel/secrets.ts'
import type { Log } from '../../kernel/telemetry.ts'
import { CheckpointFile } from '../checkpoint-file.ts'
import { openLogIdentity } from '../log-keys.ts'
import { openWitnesses } from './settings.ts'
import { Witnessing } from './witness.ts'

/** Where checkpoints are kept outside the database, in the process that seals. */
export interface Checkpoints {
  readonly file: CheckpointFile
  /** Writes that file. */
  readonly kept: Witnessing
  /** Who else is given them. */
  readonly witnesses: readonly Witnessing[]
}

/**
 * The file in the data folder, and the witnesses that the configuration names.
 * @param secrets of the log, where the witnesses are given what it signs
 */
export function openCheckpoints(config: Config, log: Log, secrets?: Secrets): Checkpoints {
  const file = new CheckpointFile(join(config.dataFolder, 'checkpoints.log'))
  const kept = { name: 'checkpoints.log in the data folder', restMs: 0, witness: (checkpoint: string) => file.append(checkpoint) }
  const identity = secrets && openLogIdentity(secrets)
  return {
    file,
    kept: new Witnessing(kept, log),
    witnesses: openWitnesses(config, identity).map(witness => new Witnessing(witness, log)),
  }
}
