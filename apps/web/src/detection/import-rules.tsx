import { Button, FileButton, Menu } from '@mantine/core'
import { IconChevronDown, IconFolder, IconUpload } from '@tabler/icons-react'
import type { ImportedRules } from '@tocsin/api'
import { useRef, useState } from 'react'
import { tellProblem } from '../api.ts'
import { toast } from '../parts/toast.ts'
import { useUpload } from '../upload.ts'
import { archiveOf } from './archive.ts'

/** A rule file that no hidden folder has in it, such as that of git. */
const isRule = (path: string) => /\.ya?ml$/i.test(path) && !/(^|\/)\./.test(path)

/** Takes an archive, rule files, or a folder, such as a git checkout. */
export function ImportRules() {
  const folder = useRef<HTMLInputElement>(null)
  const archive = useRef<() => void>(null)
  const [isPacking, setIsPacking] = useState(false)
  const upload = useUpload<ImportedRules>(({ added, changed, unchanged, refused }) => {
    const [first] = refused
    toast({
      title: `${added} added, ${changed} changed, ${unchanged} unchanged`,
      message: first ? `${refused.length} refused, the first ${first.file}, line ${first.line}: ${first.reason}` : 'All rules imported.',
      color: first ? 'yellow' : 'teal',
      autoClose: 15_000,
    })
  })
  const send = (files: readonly File[]) => upload.send('/api/v1/detection/import', files)
  const sendFolder = async (files: readonly File[]) => {
    const rules = files.filter(file => isRule(file.webkitRelativePath))
    if (rules.length === 0) {
      tellProblem('This folder contains no rule files (.yml).')
      return
    }
    setIsPacking(true)
    try {
      send([await archiveOf(rules.map(file => ({ path: file.webkitRelativePath, content: file })))])
    } finally {
      setIsPacking(false)
    }
  }
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" rightSection={<IconChevronDown size={15} />} loading={upload.isBusy || isPacking}>
            Import
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconUpload size={16} />} onClick={() => archive.current?.()}>
            Archive or rule files
          </Menu.Item>
          <Menu.Item leftSection={<IconFolder size={16} />} onClick={() => folder.current?.click()}>
            Folder or Git checkout
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <FileButton onChange={send} accept=".yml,.yaml,.tar,.gz,.tgz" multiple>
        {({ onClick }) => {
          archive.current = onClick
          return null
        }}
      </FileButton>
      <input
        ref={folder}
        type="file"
        hidden
        aria-label="Rules folder"
        // React has no name of its own for it.
        {...{ webkitdirectory: '' }}
        onChange={event => {
          void sendFolder([...(event.currentTarget.files ?? [])])
          event.currentTarget.value = ''
        }}
      />
    </>
  )
}
