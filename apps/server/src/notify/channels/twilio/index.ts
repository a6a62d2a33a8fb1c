import { invalid } from '../../../kernel/problems.ts'
import type { Channel } from '../channel.ts'
import { mountSms, mountVoice } from './receive.ts'
import { openSms, openVoice } from './send.ts'
import { twilioSettings } from './settings.ts'

const keepAddress: Channel['keepAddress'] = ({ address }) => {
  const number = address.replace(/[\s().-]/g, '')
  if (!/^\+[1-9]\d{6,14}$/.test(number)) throw invalid('address', 'must be a phone number with country code, such as +49 30 123456')
  return { address: number, secret: null }
}

export const sms: Channel = { settings: twilioSettings, open: openSms, keepAddress, mount: mountSms, isLoud: true }

export const voice: Channel = {
  settings: twilioSettings,
  open: openVoice,
  keepAddress,
  mount: mountVoice,
  isLoud: true,
  // Every digit is read out by itself.
  codeWords: code => code.split('').join(', '),
}
