import { ActionIcon, CopyButton, Tooltip, UnstyledButton } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { defang, defangedParts, refang } from '@tocsin/api'
import { useEffect, useRef } from 'react'
import { toast } from './toast.ts'

const hint = 'Copy the original'
const copied = () => toast({ message: 'Original copied.' })

/** A text whose addresses are shown so that nothing makes a link of them; selecting one copies the original. */
export function Defanged({ text }: { text: string }) {
  let at = 0
  return defangedParts(text).map(part => {
    at += part.text.length
    return part.original === undefined ? (
      part.text
    ) : (
      <CopyButton key={at} value={refang(part.original)}>
        {({ copy }) => (
          <UnstyledButton
            className="defanged"
            title={hint}
            onClick={() => {
              copy()
              copied()
            }}
          >
            {part.text}
          </UnstyledButton>
        )}
      </CopyButton>
    )
  })
}

/** The value of an observable, defanged, with a button that copies the original. */
export function ObservableValue({ value }: { value: string }) {
  return (
    <span style={{ display: 'flex', gap: 8, alignItems: 'center', justifyContent: 'space-between' }}>
      <span className="mono">{defang(value)}</span>
      <CopyButton value={value}>
        {({ copied: isCopied, copy }) => (
          <Tooltip label={isCopied ? 'Copied' : hint}>
            <ActionIcon variant="subtle" color="gray" aria-label={`${hint} of ${defang(value)}`} onClick={copy}>
              {isCopied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </span>
  )
}

/** Markdown that the server has rendered and sanitized (incidents/markdown.ts). Selecting an address in it copies the original. */
export function Markdown({ html }: { html: string }) {
  const here = useRef<HTMLDivElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: other HTML has other addresses
  useEffect(() => {
    const addresses = [...(here.current?.querySelectorAll<HTMLElement>('.defanged') ?? [])]
    const ends = new AbortController()
    for (const address of addresses) {
      Object.assign(address, { role: 'button', tabIndex: 0, title: hint })
      const copy = () => void navigator.clipboard.writeText(refang(address.textContent)).then(copied)
      address.addEventListener('click', copy, ends)
      address.addEventListener('keydown', ({ key }) => key === 'Enter' && copy(), ends)
    }
    return () => ends.abort()
  }, [html])
  // biome-ignore lint/security/noDangerouslySetInnerHtml: the server renders and sanitizes it
  return <div ref={here} className="markdown" dangerouslySetInnerHTML={{ __html: html }} />
}
