/** The version of the program: server, pages and command line are released together. */
export const version = '0.1.0'
