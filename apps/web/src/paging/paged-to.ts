import type { Page } from '@tocsin/api'

/** Whom a page goes to: its team, the people whom it names, or the administrators. */
export const pagedTo = ({ team, named }: Pick<Page, 'team' | 'named'>): string => team?.name ?? (named?.map(({ name }) => name).join(', ') || 'Administrators')
