import { invalid } from '../../../kernel/problems.ts'
import type { Channel } from '../channel.ts'
import { mountSlack } from './receive.ts'
import { openSlack } from './send.ts'
import { slackSettings } from './settings.ts'

export const slack: Channel = {
  settings: slackSettings,
  open: openSlack,
  keepAddress: ({ of, address }) => {
    if (of === 'person' && !/^[UW][A-Z0-9]{5,20}$/.test(address))
      throw invalid('address', 'must be a member ID such as U012AB3CD (in Slack: profile, Copy member ID)')
    if (of === 'team' && !/^[CG][A-Z0-9]{5,20}$/.test(address)) throw invalid('address', 'must be a channel ID such as C012AB3CD (in Slack: channel details)')
    return { address, secret: null }
  },
  mount: mountSlack,
  identifiesPeople: true,
}
