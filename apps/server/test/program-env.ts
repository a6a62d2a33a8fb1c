/** What a program of ours needs to start, and no more. What was compiled of it is shared by all starts of a run: that is a third of each. */
export const programEnv = { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? '' }
