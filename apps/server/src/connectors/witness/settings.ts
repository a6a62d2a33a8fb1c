import { settingsPart } from '../../kernel/config.ts'
import { webhookSecret } from '../../kernel/receiver-address.ts'

/** Whether this installation is a witness of others. */
export const witnessIntakeSettings = settingsPart(
  {
    TOCSIN_WITNESS_INTAKE_SECRET: webhookSecret
      .optional()
      .describe('Secret with which other installations of Tocsin sign the checkpoints that they send to /hooks/witness; none are taken if not set'),
  },
  { TOCSIN_WITNESS_INTAKE_SECRET: 'is-set' },
)
