/** Words that files, the API and this package have in common. Alone in this file, so that whoever needs only them loads nothing else. */

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]

export const rotationTypes = ['hourly', 'daily', 'weekly', 'monthly'] as const

export const urgencies = ['high', 'low'] as const
/** High wakes people; low may be deferred until business hours and uses quieter channels. */
export type Urgency = (typeof urgencies)[number]

/** What tiers are called, in order: also the places in a rotation that they are given by default. */
export const tierNames = ['primary', 'secondary', 'tertiary'] as const

/** What counts as night, on the clock of the schedule or the team: in coverage requirements, and in what people carry. */
export const night = { from: '22:00', until: '06:00' } as const
