import { createSpotlight, useSpotlight } from '@mantine/spotlight'
import { useEffect, useState } from 'react'

/** The palette of the shell, and what opens it. */
export const [paletteStore, palette] = createSpotlight()

const listId = 'go-to-results'
const optionId = (index: number) => `go-to-result-${index}`

/**
 * What a screen reader is told of the palette: a named dialog with a combo box whose arrows move over a list of options.
 * The library marks the chosen one in the document only, so that it is read from there.
 */
export function usePaletteRoles() {
  const { opened, selected } = useSpotlight(paletteStore)
  const [active, setActive] = useState<string>()
  useEffect(() => {
    const options = opened ? [...document.querySelectorAll(`#${listId} [data-action]`)] : []
    options.forEach((option, index) => {
      option.id = optionId(index)
      option.setAttribute('aria-selected', String(option.hasAttribute('data-selected')))
    })
    setActive(options[selected]?.hasAttribute('data-selected') ? optionId(selected) : undefined)
  })
  return {
    dialog: { content: { 'aria-label': 'Go to' } },
    search: {
      role: 'combobox',
      'aria-label': 'Go to',
      'aria-autocomplete': 'list',
      'aria-expanded': true,
      'aria-controls': listId,
      'aria-activedescendant': active,
    },
    list: { id: listId, role: 'listbox', 'aria-label': 'Results' },
    option: { role: 'option' },
  } as const
}
