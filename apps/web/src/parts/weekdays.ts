import { weekdays } from '@tocsin/api'

/** What people call the days of the week, in a row of several. */
export const dayNames: Record<(typeof weekdays)[number], string> = { mon: 'Mon', tue: 'Tue', wed: 'Wed', thu: 'Thu', fri: 'Fri', sat: 'Sat', sun: 'Sun' }

/** The days to choose from. */
export const dayChoices = weekdays.map(value => ({ value, label: dayNames[value] }))
