import { Anchor, Button, Checkbox, Group, Modal, NumberInput, Paper, Stack, Table, Text, Textarea, TextInput } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import type { Customer } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { useRecordForm } from '../forms.ts'
import { DemoBadge } from '../parts/badges.tsx'
import { ServiceMultiSelect } from '../parts/choices.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { newestOf } from '../parts/newest.ts'
import { Empty, FormProblem, Loaded, Page } from '../parts/page.tsx'
import { RemoveButton } from '../parts/remove-button.tsx'
import { useMay } from '../session.ts'

export function CustomersPage() {
  const customers = useApi('customers')
  const mayLead = useMay('lead')
  const [edited, setEdited] = useState<Customer | 'new'>()
  return (
    <Page
      title="Customers"
      lead="Customers to notify, and the contractual deadline from declaration."
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
              <Table.ScrollContainer minWidth={680}>
                <Table>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>Customer</Table.Th>
                      <Table.Th>Deadline</Table.Th>
                      <Table.Th>Contacts</Table.Th>
                      <Table.Th>Services</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {list.map(customer => (
                      <Table.Tr key={customer.id}>
                        <Table.Td>
                          <Group gap={8}>
                            {mayLead ? (
                              <Anchor component="button" fw={550} c="inherit" onClick={() => setEdited(customer)}>
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
                        </Table.Td>
                        <Table.Td className="numeric">{customer.noticeHours} h</Table.Td>
                        <Table.Td>
                          {customer.contacts.map(contact => (
                            <Text key={contact.email} size="sm">
                              {contact.name}, {contact.email}
                              {contact.isAlternate ? ' (alternate)' : ''}
                            </Text>
                          ))}
                        </Table.Td>
                        <Table.Td>
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
      {edited ? <CustomerModal customer={edited === 'new' ? undefined : newestOf(customers.data, edited)} onClose={() => setEdited(undefined)} /> : null}
    </Page>
  )
}

function CustomerModal({ customer, onClose }: { customer: Customer | undefined; onClose: () => void }) {
  const { form, submit, isBusy, newer } = useRecordForm(
    'saveCustomer',
    customer,
    one => ({
      name: one?.name ?? '',
      region: one?.region ?? '',
      terms: one?.terms ?? '',
      noticeHours: one?.noticeHours ?? 72,
      contacts: one?.contacts.map(contact => ({ key: contact.email, ...contact })) ?? [{ key: 'first', name: '', email: '', isAlternate: false }],
      serviceIds: one?.services.map(service => service.id) ?? [],
    }),
    {
      toBody: values => ({
        ...values,
        contacts: values.contacts.map(({ name, email, isAlternate }) => ({ name, email, isAlternate })),
        ...(customer ? { id: customer.id } : {}),
      }),
      done: 'Saved.',
      onDone: onClose,
    },
  )
  return (
    <Modal opened onClose={onClose} title={customer ? customer.name : 'Add customer'}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <Group grow align="flex-start">
            <TextInput label="Name" required {...form.getInputProps('name')} />
            <TextInput label="Region" required {...form.getInputProps('region')} />
          </Group>
          <NumberInput label="Notify within (hours)" min={1} max={72} {...form.getInputProps('noticeHours')} />
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
    </Modal>
  )
}
