import { ActionIcon, Combobox, Text, TextInput, useCombobox } from '@mantine/core'
import { IconFilter, IconX } from '@tabler/icons-react'
import { complete, type Field, parse } from '@tocsin/filter'
import { type RefObject, useEffect, useState } from 'react'

/** How long after the last key a filter that can be read is used, in milliseconds. */
const settleMs = 350

/**
 * A filter as text, with completion: `severity:high host:db-* -service:billing "text"`. It is used once it can be read, a moment after the last key, or at once with
 * Enter; what is wrong with it is said below, and the list stays as it is.
 * @param known values of fields that the page knows, such as the names of services
 */
export function FilterInput({
  fields,
  value,
  onChange,
  known = {},
  label,
  inputRef,
}: {
  fields: readonly Field[]
  value: string
  onChange: (filter: string) => void
  known?: Readonly<Record<string, readonly string[]>>
  label: string
  inputRef?: RefObject<HTMLInputElement | null>
}) {
  const [text, setText] = useState(value)
  const [caret, setCaret] = useState(value.length)
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() })
  const { problem } = parse(text, fields)
  const completions = complete(text, caret, fields, known)
  // What came from elsewhere, such as a view, replaces what was typed.
  useEffect(() => setText(value), [value])
  useEffect(() => {
    if (text === value || parse(text, fields).problem) return
    const timer = setTimeout(() => onChange(text.trim()), settleMs)
    return () => clearTimeout(timer)
  }, [text, value, fields, onChange])

  const type = (changed: string, at: number) => {
    setText(changed)
    setCaret(at)
    combobox.openDropdown()
    combobox.updateSelectedOptionIndex()
  }
  const take = (item: string) => {
    const isWhole = !item.endsWith(':') && !item.endsWith('.')
    const changed = `${text.slice(0, completions.start)}${item}${isWhole ? ' ' : ''}${text.slice(completions.end)}`
    const at = completions.start + item.length + (isWhole ? 1 : 0)
    setText(changed)
    setCaret(at)
    requestAnimationFrame(() => inputRef?.current?.setSelectionRange(at, at))
  }
  return (
    <Combobox store={combobox} onOptionSubmit={take} position="bottom-start" middlewares={{ flip: false, shift: true }}>
      <Combobox.Target>
        <TextInput
          ref={inputRef}
          aria-label={label}
          placeholder="Filter, such as severity:high host:db-* or words"
          leftSection={<IconFilter size={16} aria-hidden />}
          rightSection={
            text === '' ? null : (
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label="Clear the filter"
                onClick={() => {
                  setText('')
                  onChange('')
                }}
              >
                <IconX size={16} />
              </ActionIcon>
            )
          }
          value={text}
          error={problem === undefined ? undefined : `${problem.message}.`}
          errorProps={{ role: 'status' }}
          autoComplete="off"
          spellCheck={false}
          onChange={event => type(event.currentTarget.value, event.currentTarget.selectionStart ?? event.currentTarget.value.length)}
          onSelect={event => setCaret(event.currentTarget.selectionStart ?? text.length)}
          onClick={() => combobox.openDropdown()}
          onBlur={() => combobox.closeDropdown()}
          onKeyDown={event => {
            if (event.key === 'Enter' && combobox.getSelectedOptionIndex() < 0) {
              event.preventDefault()
              combobox.closeDropdown()
              if (problem === undefined) onChange(text.trim())
            }
          }}
        />
      </Combobox.Target>
      <Combobox.Dropdown hidden={completions.items.length === 0}>
        <Combobox.Options mah={280} style={{ overflowY: 'auto' }}>
          {completions.items.map(item => (
            <Combobox.Option key={item.text} value={item.text}>
              <Text span size="sm" className="mono">
                {item.text}
              </Text>{' '}
              <Text span size="sm" className="quiet">
                {item.description}
              </Text>
            </Combobox.Option>
          ))}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  )
}
