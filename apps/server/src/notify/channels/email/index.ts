import { Email } from '@tocsin/api'
import { invalid } from '../../../kernel/problems.ts'
import type { Channel } from '../channel.ts'
import { openEmail } from './send.ts'
import { emailSettings } from './settings.ts'

export const email: Channel = {
  settings: emailSettings,
  open: openEmail,
  keepAddress: ({ address }) => {
    const parsed = Email.safeParse(address)
    if (!parsed.success) throw invalid('address', 'must be an email address')
    return { address: parsed.data, secret: null }
  },
}
