import { Anchor, Button, CloseButton, Group, MultiSelect, Stack, Text, Textarea, TextInput } from '@mantine/core'
import type { Incident } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { placeholderOf } from '../parts/choices.tsx'
import { Defanged } from '../parts/defanged.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { fromLocalInput, toLocalInput } from '../parts/local-time.ts'
import { Empty, Section } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { Access } from './access.tsx'
import { ParentIncident } from './parent.tsx'

interface Listed {
  id: string
  name: string
  basis: string
  foundAt?: string
}

/** What and whom it affects, each with the basis for listing it. */
export function ScopeTab({ incident }: { incident: Incident }) {
  const canRespond = useMay('responder') && incident.status !== 'closed'
  const services = useApi('services')
  const customers = useApi('customers', undefined, { isEnabled: canRespond })
  const setServices = useCommand('setAffectedServices', {
    done: incident.isRestricted ? 'Services saved.' : 'Services saved. Engineering teams of added services were paged.',
  })
  const setCustomers = useCommand('setAffectedCustomers', { done: 'Customers saved.' })
  const params = { id: incident.id }
  // Who adds or removes one changes the list that is shown, also while a dialog is open: so the version is that of the list.
  const { version } = incident
  const affected = new Set(incident.services.map(service => service.id))
  return (
    <Stack>
      <Affected
        title="Affected services"
        teach={`Add each affected service and how you know.${incident.isRestricted ? '' : ' Pages its engineering team.'}`}
        noun="service"
        listed={incident.services}
        choices={(services.data ?? []).map(service => ({ value: service.id, label: service.name }))}
        hint={placeholderOf(services, 'Services')}
        canRespond={canRespond}
        mayRemove
        isBusy={setServices.isPending}
        onChange={(listed, onDone) => setServices.mutate({ params, body: { version, services: listed } }, { onSuccess: onDone })}
      />
      <Affected
        title="Affected customers"
        teach="Add each affected customer and how you know. Contracts say what the notification deadline is counted from."
        noun="customer"
        listed={incident.customers}
        choices={(customers.data ?? [])
          .toSorted((a, b) => Number(b.services.some(used => affected.has(used.id))) - Number(a.services.some(used => affected.has(used.id))))
          .map(customer => ({
            value: customer.id,
            label: customer.services.some(used => affected.has(used.id)) ? `${customer.name} (uses an affected service)` : customer.name,
          }))}
        hint={placeholderOf(customers, 'Customers')}
        canRespond={canRespond}
        mayRemove={incident.declaredAt === null}
        isBusy={setCustomers.isPending}
        onChange={(listed, onDone) => setCustomers.mutate({ params, body: { version, customers: listed } }, { onSuccess: onDone })}
      />
      <ParentIncident incident={incident} canRespond={canRespond} />
      {incident.isRestricted ? <Access incident={incident} /> : null}
    </Stack>
  )
}

function Affected(props: {
  title: string
  teach: string
  noun: string
  listed: Listed[]
  choices: { value: string; label: string }[]
  /** The choices could not be loaded. */
  hint: string | undefined
  canRespond: boolean
  mayRemove: boolean
  isBusy: boolean
  onChange: (listed: { id: string; basis: string; foundAt?: string }[], onDone?: () => void) => void
}) {
  const [isAdding, setIsAdding] = useState(false)
  const [corrected, setCorrected] = useState<Listed>()
  const { listed, noun, onChange } = props
  const current = listed.map(({ id, basis, foundAt }) => ({ id, basis, ...(foundAt === undefined ? {} : { foundAt }) }))
  return (
    <Section
      title={props.title}
      count={listed.length}
      isFlush
      actions={
        props.canRespond ? (
          <Anchor component="button" size="sm" onClick={() => setIsAdding(true)}>
            Add {noun}
          </Anchor>
        ) : null
      }
    >
      {listed.length === 0 ? (
        <Empty title="None">{props.teach}</Empty>
      ) : (
        listed.map(each => (
          <Group key={each.id} className="list-row" justify="space-between" wrap="nowrap" align="flex-start">
            <div style={{ minWidth: 0 }}>
              <Text fw={550}>{each.name}</Text>
              <Text size="sm" className="quiet prewrap" component="div">
                <Defanged text={each.basis} />
              </Text>
              {each.foundAt ? (
                <Text size="sm" className="quiet" component="div">
                  Found <Time at={each.foundAt} />{' '}
                  {props.canRespond ? (
                    <Anchor component="button" size="sm" aria-label={`Correct when ${each.name} was found`} onClick={() => setCorrected(each)}>
                      Correct
                    </Anchor>
                  ) : null}
                </Text>
              ) : null}
            </div>
            {props.canRespond && props.mayRemove ? (
              <CloseButton aria-label={`Remove ${each.name}`} onClick={() => onChange(current.filter(kept => kept.id !== each.id))} />
            ) : null}
          </Group>
        ))
      )}
      {corrected?.foundAt ? (
        <FoundModal
          name={corrected.name}
          foundAt={corrected.foundAt}
          isBusy={props.isBusy}
          onClose={() => setCorrected(undefined)}
          onSave={foundAt =>
            onChange(
              current.map(each => (each.id === corrected.id ? { ...each, foundAt } : each)),
              () => setCorrected(undefined),
            )
          }
        />
      ) : null}
      {isAdding ? (
        <AddModal
          noun={noun}
          choices={props.choices.filter(choice => !listed.some(each => each.id === choice.value))}
          hint={props.hint}
          isBusy={props.isBusy}
          onClose={() => setIsAdding(false)}
          onAdd={added => {
            onChange([...current, ...added], () => setIsAdding(false))
          }}
        />
      ) : null}
    </Section>
  )
}

function FoundModal({
  name,
  foundAt,
  isBusy,
  onClose,
  onSave,
}: {
  name: string
  foundAt: string
  isBusy: boolean
  onClose: () => void
  onSave: (foundAt: string) => void
}) {
  const [at, setAt] = useState(toLocalInput(new Date(foundAt)))
  return (
    <Dialog onClose={onClose} title={`When ${name} was found affected`}>
      <Stack>
        <TextInput
          label="Found affected"
          description="In your time zone. Once the incident is declared it can be corrected to an earlier time only, because deadlines may be counted from it."
          type="datetime-local"
          value={at}
          onChange={event => setAt(event.currentTarget.value)}
          required
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button disabled={fromLocalInput(at) === ''} loading={isBusy} onClick={() => onSave(fromLocalInput(at))}>
            Save
          </Button>
        </Group>
      </Stack>
    </Dialog>
  )
}

function AddModal({
  noun,
  choices,
  hint,
  isBusy,
  onClose,
  onAdd,
}: {
  noun: string
  choices: { value: string; label: string }[]
  hint: string | undefined
  isBusy: boolean
  onClose: () => void
  onAdd: (added: { id: string; basis: string; foundAt?: string }[]) => void
}) {
  const [ids, setIds] = useState<string[]>([])
  const [basis, setBasis] = useState('')
  const [foundAt, setFoundAt] = useState('')
  const isReady = ids.length > 0 && basis.trim() !== ''
  return (
    <Dialog onClose={onClose} title={`Add an affected ${noun}`}>
      <Stack>
        <MultiSelect
          label={noun === 'service' ? 'Services' : 'Customers'}
          data={choices}
          value={ids}
          onChange={setIds}
          searchable
          placeholder={hint}
          nothingFoundMessage={hint ?? 'Nothing found'}
        />
        <Textarea
          label="Basis"
          description="How you know it is affected"
          autosize
          minRows={2}
          value={basis}
          onChange={event => setBasis(event.currentTarget.value)}
          required
        />
        {noun === 'customer' ? (
          <TextInput
            label="Found affected"
            description="In your time zone; now if empty"
            type="datetime-local"
            value={foundAt}
            onChange={event => setFoundAt(event.currentTarget.value)}
          />
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            disabled={!isReady}
            loading={isBusy}
            onClick={() => onAdd(ids.map(id => ({ id, basis: basis.trim(), ...(foundAt === '' ? {} : { foundAt: fromLocalInput(foundAt) }) })))}
          >
            Add
          </Button>
        </Group>
      </Stack>
    </Dialog>
  )
}
