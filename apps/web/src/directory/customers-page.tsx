import { Anchor, Button, Checkbox, Group, NumberInput, Paper, Select, Stack, Table, Text, Textarea, TextInput } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { type Customer, noticeStarts, noticeUnits } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { useRecordForm } from '../forms.ts'
import { DemoBadge } from '../parts/badges.tsx'
import { placeholderOf, ServiceMultiSelect } from '../parts/choices.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { newestOf } from '../parts/newest.ts'
import { startLabels, termText, unitLabels } from '../parts/notice-term.ts'
import { Empty, FormProblem, Loaded, Page } from '../parts/page.tsx'
import { RemoveButton } from '../parts/remove-button.tsx'
import { useMay } from '../session.ts'
import { CalendarsSection } from './calendars.tsx'

export function CustomersPage() {
  const customers = useApi('customers')
  const mayLead = useMay('lead')
  const [edited, setEdited] = useState<Customer | 'new'>()
  return (
    <Page
      title="Customers"
      lead="Customers to notify, and how long their contracts give, from when."
      actions={
        mayLead ? (
          <Button leftSection={<IconPlus size={16} />} onClick={() => setEdited('new')}>
            Add customer
          </Button>
        ) : null
      }
    >
      <Paper>
        <Loaded query={customers}>
          {list =>
            list.length === 0 ? (
              <Empty title="No customers yet">Add customers whose contracts require security incident notices, with the contacts to notify.</Empty>
            ) : (
              <Table.ScrollContainer minWidth={300}>
                <Table>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>Customer</Table.Th>
                      <Table.Th visibleFrom="sm">Deadline</Table.Th>
                      <Table.Th visibleFrom="sm">Contacts</Table.Th>
                      <Table.Th visibleFrom="sm">Services</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {list.map(customer => (
                      <Table.Tr key={customer.id}>
                        <Table.Td style={{ overflowWrap: 'anywhere', minWidth: 180 }}>
                          <Group gap={8}>
                            {mayLead ? (
                              <Anchor component="button" fw={550} c="inherit" style={{ overflowWrap: 'anywhere' }} onClick={() => setEdited(customer)}>
                                {customer.name}
                              </Anchor>
                            ) : (
                              <Text fw={550}>{customer.name}</Text>
                            )}
                            <DemoBadge isDemo={customer.isDemo} />
                          </Group>
                          <Text size="sm" className="quiet">
                            {customer.region}
                          </Text>
                          <Text size="sm" hiddenFrom="sm">
                            {termText(customer.noticeTerm)} · {customer.contacts.length === 1 ? '1 contact' : `${customer.contacts.length} contacts`}
                          </Text>
                        </Table.Td>
                        <Table.Td className="numeric" visibleFrom="sm">
                          {termText(customer.noticeTerm)}
                        </Table.Td>
                        <Table.Td visibleFrom="sm">
                          {customer.contacts.map(contact => (
                            <Text key={contact.email} size="sm">
                              {contact.name}, {contact.email}
                              {contact.isAlternate ? ' (alternate)' : ''}
                            </Text>
                          ))}
                        </Table.Td>
                        <Table.Td visibleFrom="sm">
                          <Text size="sm">{customer.services.map(service => service.name).join(', ')}</Text>
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            )
          }
        </Loaded>
      </Paper>
      <CalendarsSection />
      {edited ? <CustomerModal customer={edited === 'new' ? undefined : newestOf(customers.data, edited)} onClose={() => setEdited(undefined)} /> : null}
    </Page>
  )
}

const choices = <Value extends string>(values: readonly Value[], labels: Readonly<Record<Value, string>>) =>
  values.map(value => ({ value, label: labels[value] }))

function CustomerModal({ customer, onClose }: { customer: Customer | undefined; onClose: () => void }) {
  const calendars = useApi('calendars')
  const { form, submit, isBusy, newer } = useRecordForm(
    'saveCustomer',
    customer,
    one => ({
      name: one?.name ?? '',
      region: one?.region ?? '',
      terms: one?.terms ?? '',
      noticeTerm: {
        amount: (one?.noticeTerm.amount ?? 72) as number | '',
        unit: (one?.noticeTerm.unit ?? 'hours') as string,
        start: (one?.noticeTerm.start ?? 'declared') as string,
        calendarId: one?.noticeTerm.calendar?.id ?? null,
      },
      contacts: one?.contacts.map(contact => ({ key: contact.email, ...contact })) ?? [{ key: 'first', name: '', email: '', isAlternate: false }],
      serviceIds: one?.services.map(service => service.id) ?? [],
    }),
    {
      toBody: values => ({
        ...values,
        noticeTerm: { ...values.noticeTerm, ...(values.noticeTerm.unit === 'hours' ? { calendarId: null } : {}) },
        contacts: values.contacts.map(({ name, email, isAlternate }) => ({ name, email, isAlternate })),
        ...(customer ? { id: customer.id } : {}),
      }),
      done: 'Saved.',
      onDone: onClose,
    },
  )
  return (
    <Dialog onClose={onClose} title={customer ? customer.name : 'Add customer'}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <Group grow align="flex-start">
            <TextInput label="Name" required {...form.getInputProps('name')} />
            <TextInput label="Region" required {...form.getInputProps('region')} />
          </Group>
          <Group grow align="flex-start">
            <NumberInput label="Notify within" min={1} allowDecimal={false} {...form.getInputProps('noticeTerm.amount')} />
            <Select label="Unit" data={choices(noticeUnits, unitLabels)} allowDeselect={false} {...form.getInputProps('noticeTerm.unit')} />
          </Group>
          <Select label="Counted from" data={choices(noticeStarts, startLabels)} allowDeselect={false} {...form.getInputProps('noticeTerm.start')} />
          {form.values.noticeTerm.unit === 'hours' ? null : (
            <Select
              label="Calendar"
              description="The day of the start does not count; the last day counts until it ends in the time zone of the calendar"
              placeholder={placeholderOf(calendars, 'Calendars', 'Monday to Friday in UTC, no holidays')}
              clearable
              data={(calendars.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
              {...form.getInputProps('noticeTerm.calendarId')}
            />
          )}
          <Textarea label="Contract terms" description="What the contract says about security notices" autosize minRows={2} {...form.getInputProps('terms')} />
          <Text size="sm" fw={550}>
            Contacts
          </Text>
          {form.values.contacts.map((contact, position) => (
            <Stack key={contact.key} gap={4}>
              <Group align="flex-start" wrap="nowrap">
                <TextInput aria-label="Contact name" placeholder="Name" flex={1} {...form.getInputProps(`contacts.${position}.name`)} />
                <TextInput aria-label="Contact email" placeholder="Email" type="email" flex={1} {...form.getInputProps(`contacts.${position}.email`)} />
                <RemoveButton label="Remove contact" isDisabled={form.values.contacts.length === 1} onClick={() => form.removeListItem('contacts', position)} />
              </Group>
              <Checkbox
                size="xs"
                label="Alternate: gets notices only if no other contact can be reached"
                {...form.getInputProps(`contacts.${position}.isAlternate`, { type: 'checkbox' })}
              />
            </Stack>
          ))}
          <div>
            <Button
              variant="default"
              size="xs"
              onClick={() => form.insertListItem('contacts', { key: crypto.randomUUID(), name: '', email: '', isAlternate: false })}
            >
              Add contact
            </Button>
          </div>
          <ServiceMultiSelect label="Services used" {...form.getInputProps('serviceIds')} />
          <FormActions submit="Save" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
