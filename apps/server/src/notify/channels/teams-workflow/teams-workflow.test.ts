import { expect, test } from 'vitest'
import { jsonOf, pagedTeam, withProviders } from '../../../../test/providers.ts'

test('a team’s channels are paged by a step: Teams gets a card, and a webhook no private link', async () => {
  await withProviders(async (world, { web, slack }) => {
    const { team } = await pagedTeam(world)
    const lead = await world.person('lead')
    const channels = []
    for (const [kind, address] of [
      ['teams', `${web.url}/workflow`],
      ['slack', 'C012AB3CD'],
    ] as const)
      channels.push((await lead.call('saveTeamChannel', { params: { id: team.id }, body: { kind, name: kind, address } })).channel)
    const [found] = (await lead.call('onCall')).filter(one => one.team.id === team.id)
    const policy = await lead.call('savePolicy', {
      params: { id: team.id },
      body: { name: 'Notify the channel', levels: [{ targets: channels.map(({ id }) => ({ kind: 'channel' as const, channelId: id })), waitMinutes: 5 }] },
    })
    if (!found?.settings) throw new Error('settings')
    await lead.call('saveTeamOnCall', { params: { id: team.id }, body: { ...found.settings, policyId: policy.id } })
    await world.alert({ service: 'billing' })
    const card = jsonOf(web) as {
      attachments: { contentType: string; content: { body: { inlines: { text: string }[] }[]; actions: { type: string; title: string; url: string }[] } }[]
    }
    expect(card.attachments[0]?.contentType).toBe('application/vnd.microsoft.card.adaptive')
    expect(card.attachments[0]?.content.body[0]?.inlines[0]?.text).toBe('[HIGH] billing: Something odd')
    expect(web.received.at(-1)?.body.toString()).not.toContain('/a/')
    expect(jsonOf(slack).channel).toBe('C012AB3CD')
    await expect(lead.call('removeTeamChannel', { params: { id: channels[0]?.id ?? '' } })).rejects.toThrow(/Notify the channel/)
    const [page] = (await lead.call('pages')).items
    const seen = [await lead.call('teamChannels'), (await lead.call('messageLog')).items, await lead.call('page', { params: { id: page?.id ?? '' } })]
    expect(JSON.stringify(seen), 'whoever knows the address can write there').not.toContain('/workflow')
    expect(JSON.stringify(seen)).toContain(`Page sent to the team channel by Teams workflow (${new URL(web.url).host}`)
  })
})
