import { Accordion, Anchor, Badge, Code, Group, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ProblemError } from '@tocsin/api'
import { accessSentence, type Route, type RouteName, routes } from '@tocsin/api'
import { useState } from 'react'
import { Empty, Loaded, Page } from '../parts/page.tsx'

interface Operation {
  operationId: string
  parameters?: { name: string; in: string; required: boolean; schema: unknown }[]
  requestBody?: { content: Record<string, { schema: unknown }> }
  responses: Record<string, { content?: Record<string, { schema?: unknown }> }>
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

/** The API reference, from the document that the server gives out. */
export function ReferencePage() {
  const [filter, setFilter] = useState('')
  const document = useQuery<Document, ProblemError>({
    queryKey: ['openapi'],
    queryFn: async () => (await (await fetch('/api/openapi.json')).json()) as Document,
    staleTime: Number.POSITIVE_INFINITY,
  })
  const names = (Object.keys(routes) as RouteName[]).filter(name => `${routes[name].path} ${routes[name].summary}`.toLowerCase().includes(filter.toLowerCase()))
  const groups = Map.groupBy(names, name => routes[name].path.split('/').at(routes[name].path.startsWith('/api/v1/') ? 3 : 1) ?? '')
  return (
    <Page
      title="API reference"
      lead={
        <>
          Generated from the schemas that validate requests. OpenAPI document: <Anchor href="/api/openapi.json">openapi.json</Anchor>
        </>
      }
      actions={<TextInput aria-label="Filter routes" placeholder="Filter routes" value={filter} onChange={event => setFilter(event.currentTarget.value)} />}
    >
      <Loaded query={document}>
        {openapi =>
          names.length === 0 ? (
            <Empty title="No matching routes" />
          ) : (
            [...groups].map(([group, members]) => (
              <Stack key={group} gap={6}>
                <Text fw={620} component="h2" m={0}>
                  {group}
                </Text>
                <Accordion variant="contained" chevronPosition="left">
                  {members.map(name => (
                    <RouteItem key={name} name={name} document={openapi} />
                  ))}
                </Accordion>
              </Stack>
            ))
          )
        }
      </Loaded>
    </Page>
  )
}

function RouteItem({ name, document }: { name: RouteName; document: Document }) {
  const route: Route = routes[name]
  const operation = document.paths[route.path]?.[route.method.toLowerCase()]
  const body = Object.values(operation?.requestBody?.content ?? {})[0]?.schema
  const reply = Object.entries(operation?.responses ?? {}).find(([status]) => status.startsWith('2'))
  const replySchema = Object.values(reply?.[1].content ?? {})[0]?.schema
  return (
    <Accordion.Item value={name}>
      <Accordion.Control>
        <Group gap={10} wrap="nowrap" align="flex-start">
          <Badge variant="default" miw={64} style={{ flexShrink: 0 }}>
            {route.method}
          </Badge>
          <div style={{ minWidth: 0 }}>
            <Text className="mono">{route.path}</Text>
            <Text size="sm" className="quiet">
              {route.summary}
            </Text>
          </div>
        </Group>
      </Accordion.Control>
      <Accordion.Panel>
        <Stack gap="sm">
          <Text size="sm">{accessSentence(route)}</Text>
          {operation?.parameters ? (
            <Shape
              title="Parameters"
              value={operation.parameters.map(({ name: parameter, in: place, required }) => `${parameter} (${place}${required ? ', required' : ''})`)}
            />
          ) : null}
          {body ? <Shape title="Body" value={resolve(body, document)} /> : null}
          {replySchema ? <Shape title={`Reply ${reply?.[0] ?? ''}`} value={resolve(replySchema, document)} /> : null}
        </Stack>
      </Accordion.Panel>
    </Accordion.Item>
  )
}

function Shape({ title, value }: { title: string; value: unknown }) {
  return (
    <div>
      <Text size="xs" className="quiet" mb={2}>
        {title}
      </Text>
      <Code block mah={360} style={{ overflow: 'auto' }} tabIndex={0} role="region" aria-label={title}>
        {JSON.stringify(value, null, 2)}
      </Code>
    </div>
  )
}

/** A reference to a named schema, followed once: deeper ones are named. */
function resolve(schema: unknown, document: Document): unknown {
  const name = typeof schema === 'object' && schema !== null && '$ref' in schema ? String(schema.$ref).split('/').at(-1) : undefined
  return name === undefined ? schema : (document.components.schemas[name] ?? schema)
}
