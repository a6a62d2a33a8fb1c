import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { yaml } from '@codemirror/lang-yaml'
import { bracketMatching, defaultHighlightStyle, indentUnit, syntaxHighlighting } from '@codemirror/language'
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint'
import { EditorState } from '@codemirror/state'
import { EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view'
import { Anchor, List, Text } from '@mantine/core'
import { useEffect, useId, useRef, useState } from 'react'
import { call, tellProblem } from '../api.ts'

const look = EditorView.theme({
  '&': { fontSize: '0.8125rem', backgroundColor: 'transparent', color: 'inherit' },
  '.cm-scroller': { fontFamily: 'var(--mantine-font-family-monospace)', lineHeight: '1.55' },
  '.cm-content': { caretColor: 'var(--mantine-color-text)', paddingBlock: '10px' },
  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--quiet)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--mantine-primary-color-filled) 6%, transparent)' },
  '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
  '&.cm-focused': { outline: '2px solid var(--mantine-primary-color-filled)', outlineOffset: '-2px' },
  '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--mantine-primary-color-filled) 22%, transparent) !important',
  },
  '.cm-tooltip': { backgroundColor: 'var(--mantine-color-body)', border: '1px solid var(--line)', color: 'inherit', maxWidth: '420px' },
  // The usual colours of the highlighter are made for white paper.
  '.cm-line span': { color: 'light-dark(inherit, var(--mantine-color-text)) !important' },
})

interface Problem extends Diagnostic {
  readonly line: number
}

/** What the server says of the rule, at the lines that it names. */
async function check(view: EditorView): Promise<Problem[]> {
  const text = view.state.doc.toString()
  if (text.trim() === '') return []
  const { problems } = await call('checkDetectionRule', { body: { text } })
  return problems.map(({ line, reason }) => {
    const at = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines))
    return { line: at.number, from: at.from, to: Math.max(at.to, at.from), severity: 'error' as const, message: reason }
  })
}

interface Props {
  readonly value: string
  readonly isReadOnly: boolean
  readonly onChange: (value: string) => void
}

/** YAML with line numbers, checked as one types. Tab leaves it, and what is wrong is listed below it. */
export default function RuleEditor({ value, isReadOnly, onChange }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView>(undefined)
  const change = useRef(onChange)
  change.current = onChange
  const problemsId = useId()
  const [problems, setProblems] = useState<readonly Problem[]>([])
  const jumpTo = (problem: Problem) => {
    const editor = view.current
    if (editor === undefined) return
    editor.dispatch({ selection: { anchor: Math.min(problem.from, editor.state.doc.length) }, scrollIntoView: true })
    editor.focus()
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new value from outside is set below, without making the editor anew.
  useEffect(() => {
    if (host.current === null) return
    let pending: ReturnType<typeof setTimeout> | undefined
    const checkSoon = () => {
      clearTimeout(pending)
      pending = setTimeout(() => {
        const checked = editor.state.doc
        // What was checked may have been typed over meanwhile: then it is checked again anyway.
        check(editor).then(found => {
          if (editor.state.doc !== checked || view.current !== editor) return
          editor.dispatch(setDiagnostics(editor.state, found))
          setProblems(found)
        }, tellProblem)
      }, 350)
    }
    const editor = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          lineNumbers(),
          history(),
          bracketMatching(),
          highlightActiveLine(),
          indentUnit.of('  '),
          keymap.of([...defaultKeymap, ...historyKeymap]),
          yaml(),
          syntaxHighlighting(defaultHighlightStyle, { fallback: true }),
          lintGutter(),
          EditorState.readOnly.of(isReadOnly),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': 'Rule (YAML)', 'aria-describedby': problemsId }),
          look,
          EditorView.updateListener.of(update => {
            if (!update.docChanged) return
            change.current(update.state.doc.toString())
            checkSoon()
          }),
        ],
      }),
    })
    view.current = editor
    checkSoon()
    return () => {
      clearTimeout(pending)
      view.current = undefined
      editor.destroy()
    }
  }, [isReadOnly])
  useEffect(() => {
    const editor = view.current
    if (editor !== undefined && editor.state.doc.toString() !== value) editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } })
  }, [value])
  return (
    <>
      <div ref={host} className="rule-editor" />
      <Text component="div" size="sm" id={problemsId} role="status" aria-label="Problems of the rule">
        <List size="sm" listStyleType="none" hidden={problems.length === 0}>
          {problems.map((problem, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line may have the same problem twice, and the list is replaced whole.
            <List.Item key={index} c="var(--mantine-color-error)">
              <Anchor component="button" type="button" size="sm" c="inherit" onClick={() => jumpTo(problem)}>
                Line {problem.line}: {problem.message}
              </Anchor>
            </List.Item>
          ))}
        </List>
      </Text>
    </>
  )
}
