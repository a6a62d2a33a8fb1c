import { Anchor, Button, Group, Stack, Text } from '@mantine/core'
import type { ReportFile } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { confirmed } from '../parts/confirm.tsx'
import { Erased } from '../parts/erasure.tsx'
import { Loaded, Section } from '../parts/page.tsx'
import { useMay } from '../session.ts'

/** Who reported, and the files. It names a person, so it is read only when asked for, and that is on record. */
export function ReportDetails({ alertId }: { alertId: string }) {
  const [isShown, setIsShown] = useState(false)
  const report = useApi('reportOfAlert', { params: { id: alertId } }, { isEnabled: isShown })
  const revoke = useCommand('revokeReportLink', { done: 'Link revoked.', onDone: () => void report.refetch() })
  if (!useMay('responder')) return null
  return (
    <Section title="Reporter and files">
      {isShown ? (
        <Loaded query={report} rows={2}>
          {found => (
            <Stack gap={6}>
              {found.erasure ? (
                <>
                  <Text>
                    {found.reference} ({found.audience})
                  </Text>
                  <Erased erasure={found.erasure} />
                </>
              ) : (
                <>
                  <Text>
                    {found.contactName}, <Anchor href={`mailto:${found.contactEmail}`}>{found.contactEmail}</Anchor> ({found.audience}), {found.reference}
                  </Text>
                  {found.happenedAt ? <Text>When: {found.happenedAt}</Text> : null}
                  {found.affected ? <Text>Affected: {found.affected}</Text> : null}
                </>
              )}
              {found.files.map(file => (
                <ReportFileLine key={file.id} file={file} />
              ))}
              {found.isLinkRevoked ? (
                <Text className="quiet">The reporter’s private link is revoked.</Text>
              ) : (
                <Group>
                  <Button
                    size="xs"
                    variant="default"
                    loading={revoke.isPending}
                    onClick={() =>
                      confirmed(
                        {
                          title: 'Revoke the reporter’s link?',
                          consequence: 'The reporter can no longer follow the report or add to it. The link cannot be restored.',
                          action: 'Revoke link',
                          isDanger: true,
                        },
                        () => revoke.mutate({ params: { id: alertId } }),
                      )
                    }
                  >
                    Revoke the reporter’s link
                  </Button>
                </Group>
              )}
            </Stack>
          )}
        </Loaded>
      ) : (
        <Button variant="default" size="xs" onClick={() => setIsShown(true)}>
          Show (access is logged)
        </Button>
      )}
    </Section>
  )
}

const scans: Record<ReportFile['scan'], string> = {
  'not-scanned': 'Not scanned for malware',
  pending: 'Waiting for the malware scan',
  clean: 'No malware found',
  infected: 'Malware found; cannot be downloaded',
  removed: 'Malware found; removed',
}

function ReportFileLine({ file }: { file: ReportFile }) {
  const size = file.sizeBytes < 1_048_576 ? `${Math.ceil(file.sizeBytes / 1_024)} KB` : `${(file.sizeBytes / 1_048_576).toFixed(1)} MB`
  const label = `${file.name} (${size})`
  return (
    <Text component="div">
      {file.scan === 'clean' || file.scan === 'not-scanned' ? (
        <Anchor href={`/api/v1/report-files/${file.id}`} download>
          {label}
        </Anchor>
      ) : (
        label
      )}
      <Text size="sm" c={file.scan === 'infected' ? 'var(--mantine-color-error)' : undefined} className={file.scan === 'infected' ? undefined : 'quiet'}>
        {scans[file.scan]}
      </Text>
    </Text>
  )
}
