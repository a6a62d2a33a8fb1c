import { Anchor, Button, FileInput, Progress, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { type Problem, uploadLimits } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { EntryFrame } from '../entry/frame.tsx'
import { errorsOf, fetchContract } from '../forms.ts'
import { FormProblem } from '../parts/page.tsx'

interface Sent {
  reference: string
  link: string
}

const maxMegabytes = uploadLimits.fileBytes / 1_048_576

export const EmployeeReportPage = () => <ReportPage audience="employee" />
export const CustomerReportPage = () => <ReportPage audience="customer" />

/** The public form: anybody who sees something must be able to say so. */
function ReportPage({ audience }: { audience: 'employee' | 'customer' }) {
  const status = useApi('status')
  const taken = useApi('reportForm')
  const [sent, setSent] = useState<Sent>()
  const [files, setFiles] = useState<File[]>([])
  const [progress, setProgress] = useState<number>()
  const form = useForm({
    initialValues: { audience, text: '', happenedAt: '', affected: '', contactName: '', contactEmail: '', code: '' },
    validate: values => errorsOf('report', values),
    onValuesChange: () => void fetchContract(),
  })
  const tooLarge = files.find(file => file.size > uploadLimits.fileBytes)
  const submit = form.onSubmit(values => {
    setProgress(0)
    upload(values, files, setProgress).then(
      reply => setSent(reply),
      (error: Error) => {
        setProgress(undefined)
        form.setErrors({ form: error.message })
      },
    )
  })
  if (sent)
    return (
      <EntryFrame title="Thank you" lead={`Your reference is ${sent.reference}.`} width={520}>
        <Text>Keep this private link to follow your report. Anyone who has it can read the report.</Text>
        <Anchor href={sent.link} className="mono">
          {sent.link}
        </Anchor>
      </EntryFrame>
    )
  if (taken.data?.isOpen === false)
    return (
      <EntryFrame title="Reports are closed" width={520}>
        <Text>This form takes no reports at the moment. Contact the security team another way.</Text>
      </EntryFrame>
    )
  const who = status.data?.organization ? ` to ${status.data.organization}` : ''
  return (
    <EntryFrame
      title={audience === 'customer' ? `Report a security concern${who}` : 'Report something suspicious'}
      lead="A few words are enough. Your report goes straight to the security team."
      width={560}
    >
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <FormProblem errors={form.errors} />
          <Textarea label="What have you seen?" autosize minRows={5} maxRows={16} required {...form.getInputProps('text')} />
          <TextInput label="When?" placeholder="Today at about ten" {...form.getInputProps('happenedAt')} />
          <TextInput label="What is affected?" placeholder="A system, an account, some data" {...form.getInputProps('affected')} />
          <TextInput label="Your name" autoComplete="name" required {...form.getInputProps('contactName')} />
          <TextInput label="Your email" type="email" autoComplete="email" required {...form.getInputProps('contactEmail')} />
          {taken.data?.needsCode ? (
            <TextInput label="Code" description="The security team gave it to you." autoComplete="off" required {...form.getInputProps('code')} />
          ) : null}
          <FileInput
            label="Files"
            description={`Up to ${uploadLimits.files}, ${maxMegabytes} MB each. Screenshots and emails help most.`}
            multiple
            clearable
            value={files}
            onChange={setFiles}
            error={
              tooLarge
                ? `${tooLarge.name} is larger than ${maxMegabytes} MB`
                : files.length > uploadLimits.files
                  ? `At most ${uploadLimits.files} files`
                  : undefined
            }
            placeholder="Choose files"
          />
          {progress !== undefined ? <Progress value={progress} aria-label="Sending" animated /> : null}
          <Button type="submit" loading={progress !== undefined} disabled={tooLarge !== undefined || files.length > uploadLimits.files}>
            Send report
          </Button>
        </Stack>
      </form>
    </EntryFrame>
  )
}

/** XMLHttpRequest, because fetch does not tell how far an upload has come. */
function upload(values: Record<string, string>, files: readonly File[], onProgress: (percent: number) => void): Promise<Sent> {
  const body = new FormData()
  for (const [name, value] of Object.entries(values)) body.append(name, value)
  for (const file of files) body.append('files', file)
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', '/api/v1/reports')
    request.upload.onprogress = event => onProgress((event.loaded / event.total) * 100)
    request.onerror = () => reject(new Error('The report could not be sent. Check your connection and try again.'))
    request.onload = () => {
      if (request.status === 201) return resolve(JSON.parse(request.responseText) as Sent)
      const problem = JSON.parse(request.responseText || '{}') as Partial<Problem>
      return reject(new Error(problem.detail ?? `The server answered ${request.status}.`))
    }
    request.send(body)
  })
}
